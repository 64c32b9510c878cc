"""A video drives a head: films of every kind are read, a known motion comes back, what is written plays."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from films import write_film
from PIL import Image
from rigs import globe, plain

from portrait_pipeline.animation.build import build_rig
from portrait_pipeline.animation.frames import read_frames
from portrait_pipeline.animation.params import AnimationParams
from portrait_pipeline.animation.rig import SHELL, Part, Rig
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.lab.applications.acting import acted, motion
from portrait_pipeline.landmarks.params import LandmarksParams
from portrait_pipeline.landmarks.step import locate_pair
from portrait_pipeline.mesh.pictures import Scene
from portrait_pipeline.mesh.render import View, camera_vertices, frame_head
from portrait_pipeline.mesh.zbuffer import Surface
from portrait_pipeline.photo_texture.params import PhotoTextureParams
from portrait_pipeline.photo_texture.step import project_pair
from portrait_pipeline.shell.record import CLOTHES, HAIR
from portrait_pipeline.video.neutral import neutral_frame
from portrait_pipeline.video.puppet import Puppet
from portrait_pipeline.video.reader import Film, look_at
from portrait_pipeline.video.smoothing import smoothed


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def rig(model, astronaut_path) -> Rig:
    """The head of the photo `astronaut` with all expressions, at rest, without hair."""
    located = locate_pair(astronaut_path, astronaut_path, LandmarksParams())
    fitted = fit_pair(model, located, FitParams())
    texture = project_pair(model, located, fitted, PhotoTextureParams(size=512)).texture
    return build_rig(
        model, fitted.vertices, fitted.vertices, fitted.expression, texture, AnimationParams(), fitted.identity
    )


@pytest.fixture(scope="module")
def head(rig, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("head")
    rig.save(folder / "rig.h5")
    return folder


@pytest.fixture(scope="module")
def filmed(rig, model) -> list[np.ndarray]:
    return acted(rig, model, 320)


@pytest.fixture(scope="module")
def clip(filmed, tmp_path_factory) -> Path:
    return write_film(tmp_path_factory.mktemp("clip") / "short.mp4", filmed[:16], sound=True)


@pytest.fixture(scope="module")
def painted(rig, model) -> Rig:
    """A caricature of the same head, in a few flat colours: longer, narrower, the chin lower, the mouth wider."""
    shape = np.asarray(rig.parts[0].mesh.vertices[: len(model.mean)])
    mouth = np.exp(-(((shape - shape[model.landmarks[66]]) / 3.0) ** 2).sum(axis=1))
    low = np.clip((shape[model.landmarks[33], 1] - shape[:, 1]) / 6.0, 0.0, 1.0)
    drawn = shape * [0.9, 1.05, 1.0] + np.stack([0.25 * shape[:, 0] * mouth, 0.5 * mouth - 1.0 * low, 0 * low], axis=1)
    texture = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(rig.parts[0].texture), 6, 20)
    return build_rig(model, shape, drawn, np.zeros(len(rig.names)), texture, AnimationParams())


@pytest.mark.parametrize("kind", ["photo", "painted"])
def test_a_known_motion_comes_back(kind, request, model, tmp_path):
    filmed = request.getfixturevalue("filmed") if kind == "photo" else acted(request.getfixturevalue(kind), model, 320)
    run("track", write_film(tmp_path / "known.mp4", filmed), "-o", tmp_path / "table.csv")
    names = model.expression_names
    frames = read_frames(tmp_path / "table.csv", names, np.zeros(len(names)))
    expression, turns = motion(names)
    error = np.abs(frames.expression - expression).mean(axis=0)
    for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"):
        assert error[names.index(name)] <= 0.08, name
    assert np.abs(frames.turns - turns)[:, 0].mean() <= 1.5
    out, into = (names.index(f"eyeLook{way}Left") for way in ("Out", "In"))
    seen, meant = (30 * (rows[:, out] - rows[:, into]) for rows in (frames.expression, expression))
    awake = expression[:, names.index("eyeBlinkLeft")] < 0.4
    assert np.abs(seen - meant)[awake].mean() < 6


def read_back(path: Path) -> tuple[list[float], list[np.ndarray], list[str]]:
    with av.open(str(path)) as container:
        kinds = [stream.codec_context.name for stream in container.streams]
        frames = list(container.decode(video=0))
        return [frame.time for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames], kinds


def test_the_head_takes_the_place_of_the_face(head, clip, tmp_path):
    run("reenact", head, clip, "-o", tmp_path / "out.mp4")
    times, frames, kinds = read_back(tmp_path / "out.mp4")
    assert kinds == ["h264", "aac"] and np.allclose(times, np.arange(16) / 25)
    # The same head lies where it was filmed, mouth, eyes and all; round about nothing changed.
    filmed = [frame.pixels for frame in Film(look_at(clip))]
    for index in (1, 8, 15):
        difference = np.abs(frames[index].astype(int) - filmed[index]).mean(axis=2)
        assert difference[:20].max() < 12 and difference.mean() < 6


def test_the_calmest_frame_is_chosen(clip, model):
    time, pixels = neutral_frame(look_at(clip), model, FitParams())
    expression, turns = motion(model.expression_names)
    index = round(25 * time)
    assert pixels.shape == (320, 320, 3)
    assert np.abs(turns[index]).max() < 6 and expression[index].max() < 0.15


def test_hair_and_hats_come_along_and_collars_stay(rig, model, tmp_path):
    mesh = globe(radius=14.0)
    labels = np.where(np.arange(len(mesh.vertices)) % 2, HAIR, CLOTHES).astype(np.int8)
    none, still = np.zeros((0, *mesh.vertices.shape), np.float32), (np.zeros(3), np.ones(3))
    dressed = replace(rig, parts=(*rig.parts, Part(SHELL, mesh, plain((90, 60, 30)), none, *still, labels)))
    dressed.save(tmp_path / "rig.h5")
    puppet = Puppet(Rig.load(tmp_path / "rig.h5"), model, model.expression_names)
    opacity, below = puppet.opacity()[-len(labels) :], puppet.points[8, 1] - mesh.vertices[:, 1]
    assert (opacity[below < -6] == 1).all()
    assert (opacity[(labels == CLOTHES) & (below > -3)] == 0).all() and (
        opacity[(labels == HAIR) & (below < 0)] == 1
    ).all()


def faces(pixels: np.ndarray, count: int = 3) -> list[np.ndarray]:
    return [np.ascontiguousarray(pixels[:256, 96:352])] * count


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_films_stand_upright(tmp_path, turn, codec):
    still = np.zeros((64, 96, 3), np.uint8)
    still[:24, :24] = 250, 20, 20
    path = write_film(
        tmp_path / "film.mp4", [np.ascontiguousarray(np.rot90(still, turn // 90))] * 2, codec=codec, turn=turn
    )
    for frame in Film(look_at(path)):
        assert frame.pixels.shape == still.shape and np.abs(frame.pixels[4:16, 4:16] - [250.0, 20, 20]).mean() < 12


def test_a_films_own_times_are_kept(head, astronaut, tmp_path):
    times = np.array([0.0, 0.04, 0.3, 1.1])
    path = write_film(tmp_path / "uneven.mp4", faces(astronaut, 4), times, sound=True)
    run("track", path, "-o", tmp_path / "table.csv")
    lines = (tmp_path / "table.csv").read_text().splitlines()[1:]
    assert np.allclose([float(line.split(",")[0]) for line in lines], times)
    run("reenact", head, path, "-o", tmp_path / "out.webm", "--composition", "beside")
    found, frames, kinds = read_back(tmp_path / "out.webm")
    assert np.allclose(found, times, atol=2e-3) and kinds == ["vp9", "opus"] and frames[0].shape == (256, 512, 3)


def test_one_frame_and_transparent_pictures(head, astronaut, tmp_path):
    path = write_film(tmp_path / "one.mp4", faces(astronaut, 1))
    run("reenact", head, path, "-o", tmp_path / "out", "--composition", "head", "--background", "transparent")
    (file,) = (tmp_path / "out").iterdir()
    alpha = np.array(Image.open(file))[..., 3]
    assert file.name == "00000.png" and alpha[0, 0] == 0 and alpha[128, 128] == 255


def test_what_cannot_be_read_or_written_is_one_line(head, astronaut, tmp_path):
    good = write_film(tmp_path / "good.mp4", faces(astronaut, 12))
    content = good.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\ngood.mp4\n#EXT-X-ENDLIST\n")
    with wave.open(str(tmp_path / "tone.wav"), "wb") as tone:
        tone.setparams((1, 2, 8000, 0, "NONE", "none"))
        tone.writeframes(bytes(4000))
    cases = [
        ("cut.mp4", "out.mp4", "no video that can be read"),
        ("empty.mp4", "out.mp4", "no video that can be read"),
        ("list.m3u8", "out.mp4", "no"),
        ("tone.wav", "out.mp4", "holds no moving pictures"),
        ("good.mp4", "out.avi", "'.avi' is no film"),
        ("good.mp4", "good.mp4/x.mp4", "is a file"),
    ]
    for name, output, message in cases:
        lines = run("reenact", head, tmp_path / name, "-o", tmp_path / output, status=1).splitlines()
        told = [line for line in lines if line.startswith("portrait: ")]
        assert len(told) == 1 and message in told[0], (name, lines)
    assert not (tmp_path / "out.mp4").exists()


def test_a_damaged_film_is_read_as_far_as_it_can_be(head, astronaut, tmp_path):
    moving = [np.roll(frame, 3 * index, axis=1) for index, frame in enumerate(faces(astronaut, 12))]
    content = bytearray(write_film(tmp_path / "film.mp4", moving).read_bytes())
    middle = content.index(b"mdat") + 20_000
    content[middle : middle + 400] = bytes(400)
    (tmp_path / "film.mp4").write_bytes(content)
    run("reenact", head, tmp_path / "film.mp4", "-o", tmp_path / "out.mp4")
    assert 1 <= len(read_back(tmp_path / "out.mp4")[0]) <= 12


def test_smoothing_keeps_moves_and_takes_noise():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 4, 120))
    ramp = np.stack([3 * times, np.exp(-0.5 * ((times - 2) / 0.08) ** 2)], axis=1)
    steady = smoothed(times, ramp, 0.05)
    assert np.abs(steady - ramp)[:, 0].max() < 1e-5 and np.abs(steady - ramp)[:, 1].max() < 0.15
    noise = rng.normal(0, 1, ramp.shape)
    assert (smoothed(times, noise, 0.05) ** 2).mean() < 0.7
    assert (smoothed(times, ramp, 0.0) == ramp).all()


def test_the_depth_buffer_sees_what_rays_see(rig, model):
    parts = [(part.mesh, part.texture) for part in rig.parts if part.name == "Head"]
    view, size = View(25.0, 10.0), 200
    framing = frame_head(parts[0][0].vertices)
    places = camera_vertices(parts[0][0].vertices, view, framing)
    places = (places * [1, -1, 1] + [1, 1, 0]) * size / 2
    picture, owner = Surface(parts, places).picture(places, (size, size))
    traced = Scene(parts).picture(view, framing, size, background=(0, 0, 0), supersample=1)
    seen = owner >= 0
    assert (seen != (traced.sum(axis=2) > 0)).mean() < 0.01
    assert np.abs(picture[seen].astype(int) - traced[seen]).mean() < 6
