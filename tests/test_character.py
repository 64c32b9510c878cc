"""``portrait character``: a head on a body made by code, still and in motion, and what it says of bad files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gltf_check import accessor_values, read_chunks, validate
from rigs import globe, plain

from portrait_pipeline.animation.rig import SHELL, Part, Rig
from portrait_pipeline.base.images import load_image
from portrait_pipeline.character.body import Character, read_character
from portrait_pipeline.character.face import SIDE, find_character_face, head_framing
from portrait_pipeline.character.look import Look
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.lab.applications.moments import moved
from portrait_pipeline.lab.applications.walker import LIFT, SKIN, walker
from portrait_pipeline.mesh.geometry import edges
from portrait_pipeline.mesh.gltf import pack
from portrait_pipeline.mesh.gltf_reading import read_glb
from portrait_pipeline.perception.files import write_points

TIMES = (0.1, 0.35, 0.6, 0.85)


@pytest.fixture(scope="module")
def person(model: FaceModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results: somebody with a wider face and thicker neck than the mean, with eyes and hair."""
    vertices = model.vertices(np.array([2.0, -1.0, 1.0]), np.zeros(len(model.expression_names))) * (1.08, 1.0, 1.0)
    colour = np.full((64, 64, 3), (230, 190, 170), np.uint8)
    still = np.zeros(3), np.ones(3)
    eye, hair = globe(6, 8, 1.2), globe(16, 24, 10.5)
    hair = hair.with_vertices(hair.vertices + (0.0, 3.0, -4.0))
    centres = [vertices[model.landmarks[ids]].mean(axis=0) for ids in (slice(42, 48), slice(36, 42))]
    stiff = np.zeros((0, len(eye.vertices), 3), np.float32)
    parts = (
        Part("Head", model.mesh(vertices), colour, np.asarray(model.expression_basis), *still),
        Part("EyeLeft", eye, colour, stiff, centres[0], np.array([1.0, 1.2, 1.0])),
        Part("EyeRight", eye, colour, stiff, centres[1], np.array([1.0, 1.2, 1.0])),
        Part(SHELL, hair, plain((40, 90, 40), 64), np.zeros((0, len(hair.vertices), 3), np.float32), *still),
    )
    folder = tmp_path_factory.mktemp("person")
    expression = np.zeros(len(model.expression_names))
    Rig(parts, model.expression_names, expression, np.array([0.0, -5.0, -3.0])).save(folder / "rig.h5")
    return folder


def points_file(path: Path, model: FaceModel) -> Path:
    """The exact 68 points of a walker's face in the picture of ``--render``."""
    framing = head_framing(read_character(read_glb(path)))
    places = (model.mean[model.landmarks] + LIFT) / 100
    pixels = ((places - framing.centre)[:, :2] / framing.half_extent * (1, -1) + 1) * SIDE / 2
    write_points(path.with_suffix(".pts"), pixels)
    return path.with_suffix(".pts")


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["character", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module", params=["one mesh", "separate head"])
def exchanged(
    request: pytest.FixtureRequest, model: FaceModel, person: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A walker before and after the command."""
    before = walker(tmp_path_factory.mktemp("walker") / "walker.glb", model, request.param == "separate head")
    after = before.with_name("after.glb")
    run(person, before, "-o", after, "--points", points_file(before, model))
    return before, after


def surface(character: Character, name: str) -> int:
    return next(k for k in range(len(character.surfaces)) if character.name(k) == name)


def test_everything_of_the_character_but_its_head_stays(exchanged: tuple[Path, Path]) -> None:
    (before, old), (after, new) = (read_chunks(path.read_bytes()) for path in exchanged)
    for kind in ("materials", "skins", "textures"):
        assert after[kind][: len(before[kind])] == [
            entry | ({"inverseBindMatrices": after[kind][0]["inverseBindMatrices"]} if kind == "skins" else {})
            for entry in before[kind]
        ]
    assert [node["name"] for node in after["nodes"][: len(before["nodes"])]] == [n["name"] for n in before["nodes"]]
    assert after["extras"] == before["extras"]
    (clip,), (kept,) = before["animations"], after["animations"]
    assert kept["channels"] == clip["channels"]
    for one, other in zip(clip["samplers"], kept["samplers"], strict=True):
        for key in ("input", "output"):
            assert np.array_equal(accessor_values(before, old, one[key]), accessor_values(after, new, other[key]))


def test_the_head_has_the_persons_shapes_and_lies_on_the_characters_points(
    exchanged: tuple[Path, Path], model: FaceModel, person: Path
) -> None:
    character = read_character(read_glb(exchanged[1]))
    head = character.surfaces[surface(character, "PortraitHead")]
    mesh = character.file.entry("meshes", head.mesh)
    assert mesh["extras"]["targetNames"] == list(model.expression_names)
    marks = (model.mean[model.landmarks] + LIFT) / 100
    away = np.min(np.linalg.norm(head.places[:, None] - marks[None, 17:], axis=2), axis=0)
    assert away.mean() < 0.008
    opened = moved(character, None, 0.0, {"jawOpen": 1.0}).surfaces[surface(character, "PortraitHead")]
    drop = (head.places - opened.places)[:, 1]
    assert 0.015 < drop.max() < 0.05 and abs(drop[head.places[:, 1] > marks[30, 1]]).max() < 0.01


def test_no_gap_opens_at_the_neck_in_motion(exchanged: tuple[Path, Path]) -> None:
    character = read_character(read_glb(exchanged[1]))
    head = surface(character, "PortraitHead")
    mine = np.unique(character.welded[character.triangles[character.owner == head]])
    both = np.intersect1d(mine, character.welded[character.triangles[character.owner != head]])
    assert len(both) > 20  # the rim
    sides, uses = edges(character.welded[character.triangles])
    shared = np.isin(sides, both).all(axis=1)
    assert shared.sum() >= len(both) and (uses[shared] == 2).all()  # closed: no side of the rim has one triangle
    members = [np.flatnonzero(character.welded == place) for place in both]
    for time in TIMES:
        places = moved(character, 0, time).places
        assert max(np.ptp(places[ids], axis=0).max() for ids in members) < 2e-6


def test_the_head_follows_its_joint_and_the_neck_fades(exchanged: tuple[Path, Path]) -> None:
    character = read_character(read_glb(exchanged[1]))
    head = character.surfaces[surface(character, "PortraitHead")]
    share = (head.weights * (head.moved_by == character.head)).sum(axis=1)
    height = head.places[:, 1]
    assert (share[height > 1.56] > 0.999).all() and share[height.argmin()] < 0.8
    sides = edges(head.triangles)[0]
    assert np.abs(share[sides[:, 0]] - share[sides[:, 1]]).max() < 0.2  # no step
    neck = (share < 0.999) & (head.places[:, 2] < -0.05)
    assert np.corrcoef(share[neck], height[neck])[0, 1] > 0.8


def test_colours_run_from_the_characters_to_the_persons(exchanged: tuple[Path, Path]) -> None:
    character = read_character(read_glb(exchanged[1]))
    look = Look(character)
    number = surface(character, "PortraitHead")
    triangles = np.flatnonzero(character.owner == number)
    colours = look.colours(triangles, np.full((len(triangles), 3), 1 / 3))[:, :3]
    height = character.places[character.triangles[triangles], 1].mean(axis=1)
    rim = height < np.quantile(height, 0.005)
    assert np.abs(colours[rim].mean(axis=0) - SKIN).max() < 12
    assert np.abs(np.median(colours[height > 1.6], axis=0) - (230, 190, 170)).max() < 3


def test_keep_hair_exchanges_the_face_alone(model: FaceModel, person: Path, tmp_path: Path) -> None:
    before = walker(tmp_path / "walker.glb", model, separate=True)
    run(person, before, "-o", tmp_path / "after.glb", "--points", points_file(before, model), "--keep-hair")
    old, new = (read_character(read_glb(path)) for path in (before, tmp_path / "after.glb"))
    hair = [c.surfaces[surface(c, "Hair")] for c in (old, new)]
    assert np.array_equal(hair[0].places, hair[1].places)
    assert "PortraitShell" not in [new.name(k) for k in range(len(new.surfaces))]
    left = new.surfaces[surface(new, "Face")]
    kept = (np.unique(left.triangles).size) / len(old.surfaces[surface(old, "Face")].places)
    assert 0.3 < kept < 0.9 and left.places[:, 1].min() == pytest.approx(
        old.places[old.head_share > 0.3, 1].min(), abs=0.1
    )
    head = new.surfaces[surface(new, "PortraitHead")]
    assert (head.places[:, 2] > -0.06).all()  # nothing behind the ears


def test_the_khronos_validator_finds_no_fault(exchanged: tuple[Path, Path], validator: list[str]) -> None:
    issues = validate(validator, exchanged[1])
    assert issues["numErrors"] == issues["numWarnings"] == 0


def test_the_face_is_found_without_points(model: FaceModel, person: Path, tmp_path: Path) -> None:
    before = walker(tmp_path / "walker.glb", model)
    character = read_character(read_glb(before))
    face = find_character_face(character, Look(character))
    marks = (model.mean[model.landmarks] + LIFT) / 100
    assert np.linalg.norm(face.places - marks, axis=1)[17:].mean() < 0.008


def changed(path: Path, target: Path, change) -> Path:
    document, binary = read_chunks(path.read_bytes())
    change(document)
    target.write_bytes(pack(document, binary))
    return target


def test_what_cannot_be_used_is_said_in_one_line(model: FaceModel, person: Path, tmp_path: Path) -> None:
    good = walker(tmp_path / "good.glb", model)
    points = points_file(good, model)
    content = good.read_bytes()
    cut = tmp_path / "cut.glb"
    cut.write_bytes(content[: len(content) // 2])
    text = tmp_path / "text.glb"
    text.write_text("no model")

    def extension(name: str) -> Path:
        return changed(good, tmp_path / f"{name}.glb", lambda d: d.update(extensionsUsed=[name]))

    def count(document: dict) -> None:
        document["accessors"][0]["count"] = 10**9

    cases = {
        walker(tmp_path / "stiff.glb", model, skin=False): "no skin",
        walker(tmp_path / "headless.glb", model, head="Top"): "--head-joint",
        extension("KHR_draco_mesh_compression"): "Draco",
        extension("KHR_texture_basisu"): "KTX2",
        cut: "truncated",
        text: "not a binary glTF",
        tmp_path / "none.glb": "no such file",
        changed(good, tmp_path / "greedy.glb", count): "accessor 0",
        changed(good, tmp_path / "nameless.glb", lambda d: d["skins"][0].pop("joints")): "damaged",
    }
    for path, words in cases.items():
        output = run(person, path, "-o", tmp_path / "out.glb", "--points", points, status=1)
        assert words in output and output.count("\n") == 1 and str(path) in output, output
        assert not (tmp_path / "out.glb").exists()
    run(person, tmp_path / "headless.glb", "--render", tmp_path / "face.png", "--head-joint", "Top")
    assert load_image(tmp_path / "face.png").shape == (SIDE, SIDE, 3)


def test_a_speaking_character_speaks_with_its_new_head(model: FaceModel, person: Path, tmp_path: Path) -> None:
    good = walker(tmp_path / "good.glb", model, separate=True)
    document, binary = read_chunks(good.read_bytes())
    face = next(index for index, mesh in enumerate(document["meshes"]) if mesh["name"] == "Face")
    node = next(index for index, entry in enumerate(document["nodes"]) if entry["name"] == "Face")
    primitive = document["meshes"][face]["primitives"][0]
    primitive["targets"] = [{"POSITION": primitive["attributes"]["NORMAL"]}] * 2
    document["accessors"][primitive["attributes"]["NORMAL"]] |= {"min": [-1.0] * 3, "max": [1.0] * 3}
    document["meshes"][face] |= {"extras": {"targetNames": ["jawOpen", "Ahem"]}, "weights": [0.0, 0.0]}
    values = np.array([[0, 1], [0.5, 0], [1, 0]], np.float32)
    start = len(binary)
    keys = np.array([0, 0.5, 1], np.float32)
    binary += keys.tobytes() + values.tobytes()
    for content, where in ((keys, start), (values, start + keys.nbytes)):
        document["bufferViews"].append({"buffer": 0, "byteOffset": where, "byteLength": content.nbytes})
        document["accessors"].append(
            {"bufferView": len(document["bufferViews"]) - 1, "componentType": 5126, "count": content.size}
            | {"type": "SCALAR", "min": [0.0], "max": [1.0]}
        )
    clip, last = document["animations"][0], len(document["accessors"]) - 1
    clip["samplers"].append({"input": last - 1, "output": last})
    clip["channels"].append({"sampler": len(clip["samplers"]) - 1, "target": {"node": node, "path": "weights"}})
    document["buffers"][0]["byteLength"] = len(binary)
    good.write_bytes(pack(document, binary))
    run(person, good, "-o", tmp_path / "after.glb", "--points", points_file(good, model))
    file = read_glb(tmp_path / "after.glb")
    names = [entry["name"] for entry in file.document["nodes"]]
    animation = file.entry("animations", 0)
    ours = [c for c in animation["channels"] if c["target"].get("node") == names.index("PortraitHead")]
    output = file.values(animation["samplers"][ours[0]["sampler"]]["output"]).reshape(3, -1)
    column = list(model.expression_names).index("jawOpen")
    assert len(ours) == 1 and np.allclose(output[:, column], values[:, 0]) and (np.delete(output, column, 1) == 0).all()
