"""Rigs as GLB: sound by the specification, by the Khronos validator and by other readers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from gltf_check import accessor_values, check_glb, read_chunks, validate
from rigs import NAMES, quadrants, small_rig

from portrait_pipeline.animation.frames import Frames
from portrait_pipeline.animation.pose import Pose, posed_part
from portrait_pipeline.animation.rig import FULL, STILL, Part, Rig, compact
from portrait_pipeline.base.errors import ArtifactError, OutputError
from portrait_pipeline.export.glb import BENT, rig_glb, write_rig_glb
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.mesh import gltf
from portrait_pipeline.mesh.geometry import vertex_normals


@pytest.fixture(scope="module")
def rig() -> Rig:
    return small_rig()


@pytest.fixture(scope="module")
def content(rig: Rig) -> bytes:
    return rig_glb(rig)


@pytest.fixture(scope="module")
def bundled() -> Rig:
    """The model's mean head with all its expressions."""
    model = load_bundled_model()
    still = np.zeros(3), np.ones(3)
    head = Part("Head", model.mesh(), quadrants(64), model.expression_basis, *still)
    return Rig((head, *small_rig().parts[2:]), model.expression_names, np.zeros(52), np.array([0.0, -9, -2]))


def matrix(node: dict) -> np.ndarray:
    """(4, 4) of a node's translation, rotation and scale, as the specification orders them."""
    x, y, z, w = node.get("rotation", [0, 0, 0, 1])
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    result = np.eye(4)
    result[:3, :3] = turn * node.get("scale", [1, 1, 1])
    result[:3, 3] = node.get("translation", [0, 0, 0])
    return result


def drawn(content: bytes) -> dict[str, np.ndarray]:
    """Positions (N, 3) in metres of each material, as a viewer would draw them: weights, then the nodes' matrices."""
    document, binary = check_glb(content)
    result: dict[str, np.ndarray] = {}

    def visit(index: int, above: np.ndarray) -> None:
        node = document["nodes"][index]
        here = above @ matrix(node)
        if "mesh" in node:
            mesh = document["meshes"][node["mesh"]]
            for primitive in mesh["primitives"]:
                places = accessor_values(document, binary, primitive["attributes"]["POSITION"]).astype(float)
                for weight, target in zip(mesh.get("weights", []), primitive.get("targets", []), strict=True):
                    places = places + weight * accessor_values(document, binary, target["POSITION"])
                result[document["materials"][primitive["material"]]["name"]] = places @ here[:3, :3].T + here[:3, 3]
        for child in node.get("children", []):
            visit(child, here)

    visit(0, np.eye(4))
    return result


def test_the_file_shows_the_picture_and_names_its_targets(rig, content):
    document, _ = check_glb(content)
    head = document["meshes"][0]
    assert head["extras"]["targetNames"] == list(NAMES)
    assert head["weights"] == rig.expression.tolist()
    assert [primitive["material"] for primitive in head["primitives"]] == [0, 1]
    assert [node["name"] for node in document["nodes"]] == [
        "Portrait",
        "Head",
        "EyeLeftSocket",
        "EyeLeft",
        "EyeRightSocket",
        "EyeRight",
    ]
    assert [material["name"] for material in document["materials"]] == ["Head", "Teeth", "EyeLeft", "EyeRight"]
    assert all(material["extensions"] == {"KHR_materials_unlit": {}} for material in document["materials"])
    assert document["extensionsUsed"] == ["KHR_materials_unlit"]
    assert len(document["images"]) == 4


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (20.0, -10.0, 5.0), (-170.0, 30.0, 100.0)])
def test_what_a_viewer_draws_is_the_posed_rig(rig, turn):
    pose = Pose(np.random.default_rng(3).uniform(0, 1, len(NAMES)), *turn)
    shown = drawn(rig_glb(rig, pose))
    for part in rig.parts:
        expected = posed_part(rig, part, pose) / 100
        assert np.abs(shown[part.name][: len(expected)] - expected).max() < 1e-7


def test_targets_are_sparse_and_exact(bundled):
    document, binary = check_glb(rig_glb(bundled))
    mesh, head = bundled.parts[0].mesh, document["meshes"][0]["primitives"][0]
    before = vertex_normals(mesh.vertices, mesh.triangles)
    count = len(mesh.vertices)
    for target, basis in zip(head["targets"], bundled.parts[0].targets, strict=True):
        moved = accessor_values(document, binary, target["POSITION"])[:count] * 100
        length = np.linalg.norm(basis, axis=1)
        assert np.linalg.norm(moved - basis, axis=1).max() < 0.0151
        assert np.abs(moved - basis)[length > FULL].max(initial=0) < 1e-5
        bent = accessor_values(document, binary, target["NORMAL"])[:count]
        after = vertex_normals(mesh.vertices + basis.astype(float), mesh.triangles)
        # normals at the border of what moves may differ by what is left out there
        assert np.quantile(np.linalg.norm(before + bent - after, axis=1), 0.99) < 2 * BENT
        sparse = document["accessors"][target["POSITION"]].get("sparse")
        if sparse is None:  # tongueOut, which has nothing to move
            assert not basis.any()
        else:
            assert sparse["count"] >= (length > STILL).sum()
            assert sparse["count"] < count
    assert len(rig_glb(bundled)) < 6e6


def test_small_displacements_fade_without_a_step():
    length = np.linspace(0, 0.05, 501)
    moved, values = compact(np.outer(length, [0.6, 0.0, 0.8]))
    assert np.array_equal(moved, np.flatnonzero(length > STILL))
    kept = np.zeros(501)
    kept[moved] = values @ [0.6, 0.0, 0.8]
    assert np.abs(kept - length).max() < 0.0151 and np.diff(kept).min() > -1e-12 and np.diff(kept).max() < 3e-4
    assert np.allclose(kept[length >= FULL], length[length >= FULL])


def test_every_accessor_has_a_view_and_zeros_share_one(rig, content):
    """The specification lets zeros go without a view; Assimp and panda3d-gltf do not."""
    document, binary = check_glb(content)
    assert all("bufferView" in accessor for accessor in document["accessors"])
    target = document["meshes"][0]["primitives"][1]["targets"][NAMES.index("mouthClose")]
    assert len({document["accessors"][index]["bufferView"] for index in target.values()}) == 1
    for index in target.values():
        assert "sparse" not in document["accessors"][index]
        assert not accessor_values(document, binary, index).any()


def test_colours_of_each_side(rig, content):
    """Front of the globe: texture left is image left, texture top is up (one flip, no more)."""
    document, binary = read_chunks(content)
    attributes = document["meshes"][0]["primitives"][0]["attributes"]
    position, uv = (accessor_values(document, binary, attributes[name]) for name in ("POSITION", "TEXCOORD_0"))
    texture = rig.parts[0].texture
    expected = {(-1, 1): (230, 20, 20), (1, 1): (20, 200, 20), (-1, -1): (20, 20, 230), (1, -1): (240, 220, 20)}
    for (side, height), colour in expected.items():
        chosen = (position[:, 2] > 0.02) & (position[:, 0] * side > 0.02) & (position[:, 1] * height > 0.02)
        assert chosen.any()
        column, row = np.minimum(uv[chosen] * 32, 31).astype(int).T  # glTF: the first row of the image is v = 0
        assert (texture[row, column] == colour).all()


def test_trimesh_reads_every_part(rig, tmp_path):
    write_rig_glb(tmp_path / "head.glb", rig)
    scene = trimesh.load(tmp_path / "head.glb", process=False)
    assert len(scene.geometry) == len(rig.parts)
    for part in rig.parts:
        (solid,) = [item for item in scene.geometry.values() if item.visual.material.name == part.name]
        assert np.array_equal(np.array(solid.visual.material.baseColorTexture), part.texture)
        corners = solid.vertices[solid.faces] * 100
        assert np.abs(corners - part.mesh.vertices[part.mesh.triangles]).max() < 1e-5
        # trimesh flips v back to the bottom-left origin, so both sides are in the project's convention
        assert np.abs(solid.visual.uv[solid.faces] - part.mesh.uv[part.mesh.uv_triangles]).max() < 1e-6
    places = scene.to_geometry().vertices * 100  # at rest, with the nodes' places
    assert np.abs(places[:, 2].max() - (8.5 + 1.2)) < 1e-4  # the eyeballs look out


def test_large_meshes_get_wide_indices(rig):
    from rigs import globe

    mesh = globe(200, 400)
    large = Part("Head", mesh, quadrants(), np.zeros((1, *mesh.vertices.shape), np.float32), np.zeros(3), np.ones(3))
    large.targets[0, -3:, 1] = 1
    document, _ = check_glb(rig_glb(Rig((large,), ("jawOpen",), np.zeros(1), np.zeros(3))))
    primitive = document["meshes"][0]["primitives"][0]
    assert document["accessors"][primitive["indices"]]["componentType"] == 5125
    sparse = document["accessors"][primitive["targets"][0]["POSITION"]]["sparse"]
    assert sparse["indices"]["componentType"] == 5125


def test_a_head_without_expressions_can_turn():
    document, _ = check_glb(rig_glb(stiff(), Pose(np.zeros(0), 20.0)))
    assert "weights" not in document["meshes"][0] and "rotation" in document["nodes"][0]


def stiff() -> Rig:
    parts = small_rig().parts
    head = replace(parts[0], targets=parts[0].targets[:0])
    return Rig((head, *parts[2:]), (), np.zeros(0), np.zeros(3))


def test_posing_changes_weights_and_rotations_alone(rig, content):
    assert rig_glb(rig, Pose(rig.expression)) == content
    old, new = read_chunks(content), read_chunks(rig_glb(rig, Pose(np.ones(len(NAMES)), 20.0)))
    assert old[1] == new[1]
    assert {key for key in old[0] if old[0][key] != new[0][key]} == {"nodes", "meshes"}


def test_equal_input_gives_equal_bytes(content):
    assert rig_glb(small_rig()) == content


def test_the_hdf5_rig_survives(rig, tmp_path):
    rig.save(tmp_path / "rig.h5")
    assert rig_glb(Rig.load(tmp_path / "rig.h5")) == rig_glb(rig)
    with pytest.raises(ArtifactError, match="missing"):
        Rig.load(tmp_path / "none.h5")


def test_bad_input_is_refused_before_anything_is_written(rig, tmp_path):
    head = rig.parts[0]
    broken = np.where(np.arange(len(head.mesh.vertices))[:, None] == 3, np.nan, head.mesh.vertices)
    bad = {
        "not finite": replace(head, mesh=head.mesh.with_vertices(broken)),
        "displacement of Head": replace(head, targets=np.full_like(head.targets, np.inf)),
        "uint8": replace(head, texture=head.texture.astype(float)),
    }
    for message, part in bad.items():
        with pytest.raises(ValueError, match=message):
            write_rig_glb(tmp_path / "head.glb", replace(rig, parts=(part, *rig.parts[1:])))
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_rig_glb(tmp_path / "file" / "head.glb", rig)
    assert "\n" not in str(caught.value)


def test_the_khronos_validator_finds_nothing(validator, rig, bundled, tmp_path):
    contents = {
        "small": rig_glb(rig),
        "bundled": rig_glb(bundled),
        "stiff": rig_glb(stiff()),
        "without": rig_glb(Rig((rig.parts[0],), rig.names, rig.expression, rig.neck)),
    }
    contents["posed"] = rig_glb(rig, Pose(np.full(len(NAMES), 0.5), 20.0, 5.0, -3.0))
    rng = np.random.default_rng(0)
    frames = Frames(np.arange(5) / 25, rng.uniform(0, 1, (5, len(NAMES))), rng.uniform(-90, 90, (5, 3)))
    contents["animated"] = rig_glb(rig, frames=frames)
    for name, file in contents.items():
        path = tmp_path / f"{name}.glb"
        path.write_bytes(file)
        report = validate(validator, path)
        assert report["messages"] == [] and report["numErrors"] == report["numWarnings"] == 0, name
    bad = tmp_path / "bad.glb"
    document, binary = read_chunks(contents["small"])
    document["accessors"][0]["count"] = 10**5
    bad.write_bytes(gltf.pack(document, binary))
    assert validate(validator, bad)["numErrors"] > 0  # it does look
