"""The picture: the bend follows the stylised head and folds nowhere, the guide lies on it, nothing changes unasked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from portrait_pipeline.animation.params import AnimationParams
from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.animation.step import animate_photo
from portrait_pipeline.base.images import LUMINANCE, load_image
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.landmarks.params import LandmarksParams
from portrait_pipeline.landmarks.step import locate_pair
from portrait_pipeline.mesh.render import Framing, View
from portrait_pipeline.photo_texture.params import PhotoTextureParams
from portrait_pipeline.photo_texture.step import project_pair
from portrait_pipeline.picture import painting
from portrait_pipeline.picture.canvas import Canvas
from portrait_pipeline.picture.darkness import as_dark
from portrait_pipeline.picture.flat import FlatRenderer
from portrait_pipeline.picture.hues import known_hues
from portrait_pipeline.picture.moves import picture_moves
from portrait_pipeline.picture.painting import windows
from portrait_pipeline.picture.step import plan_picture
from portrait_pipeline.picture.warp import backward_flow
from portrait_pipeline.pipeline.picture import wears
from portrait_pipeline.regions.labels import CLOTHES, HAIR, SURROUNDINGS, TEETH
from portrait_pipeline.shell.params import ShellParams
from portrait_pipeline.shell.step import shell_pair
from portrait_pipeline.texture.losses import paired_distance
from portrait_pipeline.texture.rendering.base import Shot

SIZE = 192
SHELL = ShellParams(density=0.6, size=128)
LANDMARKS = LandmarksParams(max_side=320)


@pytest.fixture(scope="module")
def person(model, astronaut_path):
    """Pair, fit, shell, and the rig of the head as the photo shows it, with the photo's texture."""
    pair = locate_pair(astronaut_path, astronaut_path, LANDMARKS)
    fitted = fit_pair(model, pair, FitParams())
    shell = shell_pair(model, pair, fitted, SHELL)
    photo = project_pair(model, pair, fitted, PhotoTextureParams(size=256))
    return model, pair, fitted, shell, animate_photo(model, fitted, photo, shell, AnimationParams())


@pytest.fixture(scope="module")
def plan(person):
    """The picture of the person as the photo shows it."""
    return plan_picture(*person, SIZE)


def longer(rig: Rig) -> Rig:
    """The head with all below the brows stretched by a third."""

    def stretched(y: np.ndarray) -> np.ndarray:
        return y + np.minimum(y - 4.0, 0.0) / 3

    parts = []
    for part in rig.parts:
        vertices, pivot = np.array(part.mesh.vertices, float), np.array(part.pivot, float)
        if part.name.startswith("Eye"):
            pivot[1] = stretched(pivot[1])
        else:
            vertices[:, 1] = stretched(vertices[:, 1])
        parts.append(replace(part, mesh=part.mesh.with_vertices(vertices), pivot=pivot))
    return replace(rig, parts=tuple(parts))


def determinant(flow: np.ndarray) -> np.ndarray:
    down, right = np.gradient(flow, axis=0), np.gradient(flow, axis=1)
    return right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]


def test_a_head_that_is_not_deformed_leaves_the_photo_and_the_guide_lies_on_it(person, plan):
    canvas = plan.canvas
    assert np.array_equal(plan.content, canvas.within(canvas.resized(person[1].photo)))
    face = plan.guided > 200
    off = [np.abs(np.roll(plan.guide, shift, 1).astype(float) - plan.content)[face].mean() for shift in (-3, 0, 3)]
    assert off[1] < 8 and off[1] < 0.7 * min(off[0], off[2])
    assert {HAIR, CLOTHES, SURROUNDINGS, TEETH} <= set(np.unique(plan.labels).tolist())
    assert 0.01 < face.mean() < 0.06 and (plan.labels[face] != SURROUNDINGS).all()


def test_the_bend_follows_the_head_with_its_hair_folds_nowhere_and_keeps_the_border(person):
    model, pair, fitted, shell, rig = person
    source, target = picture_moves(model, fitted, shell, longer(rig), rig.expression)
    landmarks = target[:68] - source[:68]
    assert landmarks[8, 1] > 15 and np.abs(landmarks[17:27]).max() < 6
    outside = source[:, 1] < pair.photo_points[17:27, 1].min() - 0.5 * np.ptp(pair.photo_points[:, 1])
    assert outside.sum() > 12, "hair and skull have points of their own"
    flow = backward_flow(pair.photo.shape[:2], source, target, float(np.ptp(pair.photo_points, axis=0).max()))
    assert determinant(flow).min() > 0
    at = np.rint(target - 0.5).astype(int)
    came = flow[at[:, 1], at[:, 0]] + (target - 0.5 - at)
    assert np.median(np.linalg.norm(came - source, axis=1)) < 1.0
    rows, columns = np.indices(flow.shape[:2]) + 0.5
    moved = np.abs(flow - np.stack([columns, rows], axis=-1)).max(axis=-1)
    assert max(moved[0].max(), moved[-1].max(), moved[:, 0].max(), moved[:, -1].max()) < 0.5 and moved.max() > 15


def test_an_altered_expression_changes_the_mouth_alone(person, plan):
    rig, still = person[-1], plan
    wide = np.array(rig.expression)
    wide[rig.names.index("jawOpen")] = min(1.0, wide[rig.names.index("jawOpen")] + 0.6)
    plan = plan_picture(*person, SIZE, wide)
    lower = np.linalg.norm(plan.points - still.points, axis=1)
    assert lower[57] > 3 and lower[17:48].max() < 1
    assert (plan.labels == TEETH).sum() > 1.3 * (still.labels == TEETH).sum()
    changed = np.abs(plan.content.astype(float) - still.content).max(axis=-1) > 30
    row, column = np.nonzero(changed)
    assert row.min() > still.points[30, 1] and len(row) > 20


def test_a_canvas_is_cut_back_to_its_picture():
    canvas = Canvas.of((300, 200, 3), 512)
    picture = np.random.default_rng(0).integers(0, 255, (canvas.height, canvas.width, 3), np.uint8)
    assert (canvas.height, canvas.width) == (512, 341) and np.array_equal(canvas.cut(canvas.within(picture)), picture)
    assert all(b == 2 * a for a, b in zip(canvas.scales, canvas.scales[1:], strict=False)) and canvas.scales[0] < 120


def test_windows_show_the_pixels_they_lie_on_and_together_all_of_the_picture():
    canvas = Canvas.of((90, 120, 3), 120)
    renderer = FlatRenderer(canvas.painted(), torch.device("cpu"))
    framings = windows(canvas, np.full((68, 2), 60.0), 0.5)
    shots = [[Shot(View(), framing) for framing in framings]]
    size = canvas.side // 2
    views = renderer.prepare([[]], shots, size, (canvas.side,), 1)
    texture = torch.rand(1, 3, canvas.side, canvas.side)
    images = views.render([texture], torch.arange(len(framings))[None])
    seen = np.zeros((canvas.side, canvas.side), bool)
    for image, framing, coverage in zip(images, framings, views.surface.coverage, strict=True):
        left, top = np.rint(framing.centre[:2] * [1, -1] - size / 2).astype(int).clip(0, canvas.side - size)
        part = (slice(top, top + size), slice(left, left + size))
        assert torch.equal(image, texture[0][(slice(None), *part)] * coverage)
        seen[part] = True
    assert seen[canvas.painted()].all()
    everything = Framing(np.array([1, -1, 0]) * canvas.side / 2, canvas.side / 2)
    whole = renderer.prepare([[]], [[Shot(View(), everything)]], size, (canvas.side,), 1)
    ramp = (torch.arange(canvas.side) + 0.5).expand(1, 3, canvas.side, -1) / canvas.side
    half = whole.render([ramp], torch.zeros(1, 1, dtype=torch.int64))[0, 0, 3, 2:20]
    assert torch.allclose(half, (torch.arange(2, 20) + 0.5) / size, atol=1e-5)


def test_the_guide_counts_pair_by_pair_and_by_weight():
    x, y = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    weight = torch.tensor([[1.0, 0.5, 0, 0, 0], [0, 0, 0, 0, 0]])
    cosine = torch.nn.functional.cosine_similarity(x, y, dim=2)
    assert torch.allclose(paired_distance(x, y, weight), ((1 - cosine) * weight).sum(1) / 5, atol=1e-6)
    assert paired_distance(x, 3 * x, torch.ones(2, 5)).abs().max() < 1e-6


def test_a_picture_has_no_hue_that_the_artwork_has_not_and_keeps_those_it_has():
    picture = np.random.default_rng(0).integers(60, 200, (40, 50, 3), np.uint8)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    toned = known_hues(picture, grey).astype(float)
    assert np.ptp(toned, axis=-1).max() < 16 and np.ptp(picture, axis=-1).max() > 100
    assert np.abs((toned - picture) @ LUMINANCE).max() < 1.5
    assert np.abs(known_hues(picture, picture.reshape(-1, 3)).astype(float) - picture).mean() < 4


def test_dark_surroundings_stay_dark_and_light_ones_and_the_person_stay_as_painted():
    rng = np.random.default_rng(0)
    picture = rng.integers(90, 170, (120, 120, 3), np.uint8)
    around = np.ones((120, 120), bool)
    around[30:, 40:80] = False
    photo = np.where(np.arange(120)[:, None, None] < 95, np.uint8(8), np.uint8(150)) * np.ones((1, 120, 3), np.uint8)
    kept = as_dark(picture, photo, around)
    assert kept[:30].mean() < 0.35 * picture[:30].mean() and kept[:30].std() > 0.1 * picture[:30].std()
    assert np.array_equal(kept[112:], picture[112:]) and np.array_equal(kept[40:, 50:70], picture[40:, 50:70])
    assert np.array_equal(as_dark(photo, photo, around), photo)
    photo[30:] = 150
    assert np.array_equal(as_dark(picture, photo, around), picture), "one dark thing in a light room is not darkness"


def test_the_command_changes_little_where_style_and_content_are_one(person, tmp_path, monkeypatch):
    monkeypatch.setattr(painting, "_STEPS", 6)
    *_, shell, rig = person
    rig.save(tmp_path / "head" / "rig.h5")
    assert wears(rig, len(shell.vertices)) and not wears(rig, len(shell.vertices) + 1) and wears(rig.bare, 1)
    replace(rig.bare, expression=rig.expression + 0.2).save(tmp_path / "of_another" / "rig.h5")
    call = ["picture", "sample:astronaut", "sample:astronaut", "--head", str(tmp_path / "head"), "--size", "64"]
    small = "landmarks.max_side=320", "shell.density=0.6", "shell.size=128"
    call += [*(word for item in small for word in ("-S", item)), "--project", str(tmp_path)]
    done = CliRunner().invoke(main, [*call, "-o", str(tmp_path / "out.png")])
    assert done.exit_code == 0, done.output
    picture, photo = load_image(tmp_path / "out.png"), person[1].photo
    assert picture.shape == (64, 64, 3)
    assert np.abs(picture.astype(float) - Canvas.of(photo.shape, 64).resized(photo)).mean() < 14
    for wrong, message in (
        (["-o", str(tmp_path / "x.gif")], "is not a known suffix"),
        (["-o", str(tmp_path / "x.png"), "--scale", "0"], "--scale 0 needs another head"),
        (["-o", str(tmp_path / "x.png"), "--head", str(tmp_path / "of_another")], "was not made of sample:astronaut"),
    ):
        done = CliRunner().invoke(main, [*call, *wrong])
        assert done.exit_code == 1 and message in done.output and not list(tmp_path.glob("x.*"))
