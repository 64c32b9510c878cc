"""OBJ and the turntable, and the split meshes of all files: what is written must come back from another reader."""

from functools import partial

import numpy as np
import pytest
import trimesh
from PIL import Image
from rigs import globe, plain, quadrants

from portrait_pipeline.base.errors import OutputError
from portrait_pipeline.export import turntable
from portrait_pipeline.export.params import ExportParams
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.obj import TexturedObject, mtl_text, obj_text, write_obj, write_surfaces
from portrait_pipeline.mesh.split import smooth_normals, split_seams


def corner_set(positions: np.ndarray, uv: np.ndarray, digits: int) -> np.ndarray:
    """One row a triangle: position and UV of its three corners, rounded."""
    return np.round(np.concatenate([positions, uv], axis=2).reshape(len(positions), -1), digits) + 0.0


def test_split_keeps_every_corner_and_the_order_of_the_vertices():
    mesh = globe()
    split = split_seams(mesh)
    assert np.array_equal(split.source[: len(mesh.vertices)], np.arange(len(mesh.vertices)))
    assert np.array_equal(split.source[split.triangles], mesh.triangles)
    assert np.array_equal(split.uv[split.triangles], mesh.uv[mesh.uv_triangles])
    pairs = {(int(v), int(t)) for v, t in zip(mesh.triangles.ravel(), mesh.uv_triangles.ravel(), strict=True)}
    assert len(split.source) == len(pairs)


def test_split_tolerates_a_vertex_of_no_triangle():
    mesh = globe()
    vertices = np.concatenate([mesh.vertices, [[1.0, 2.0, 3.0]]])
    lonely = Mesh(vertices, mesh.triangles, mesh.uv, mesh.uv_triangles)
    split = split_seams(lonely)
    assert np.array_equal(split.source[split.triangles], lonely.triangles)
    assert np.allclose(np.linalg.norm(smooth_normals(lonely), axis=1), 1)


def test_normals_of_a_sphere_point_outwards():
    mesh = globe(40, 60)
    outwards = mesh.vertices / np.linalg.norm(mesh.vertices, axis=1, keepdims=True)
    assert (smooth_normals(mesh) * outwards).sum(axis=1).min() > 0.995


def test_obj_comes_back_from_trimesh(tmp_path):
    mesh, texture = globe(), quadrants()
    write_obj(tmp_path / "out", mesh, texture)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["head.mtl", "head.obj", "texture.png"]
    # moved as a folder, it still finds its texture: the names inside are relative
    (tmp_path / "out").rename(tmp_path / "moved folder")
    solid = trimesh.load(tmp_path / "moved folder" / "head.obj", process=False)
    loaded = corner_set(solid.vertices[solid.faces] * 100, solid.visual.uv[solid.faces], 3)
    expected = corner_set(mesh.vertices[mesh.triangles], mesh.uv[mesh.uv_triangles], 3)
    assert np.abs(loaded - expected).max() < 2e-3
    assert np.array_equal(np.array(solid.visual.material.image.convert("RGB")), texture)


def test_obj_text_keeps_the_topology():
    mesh = globe()
    lines = obj_text([TexturedObject("Head", mesh, quadrants())], "head.mtl").splitlines()
    rows = {"v": [], "vt": [], "vn": [], "f": []}
    for key, *values in map(str.split, lines):
        rows.get(key, []).append(values)
    assert np.abs(np.array(rows["v"], float) * 100 - mesh.vertices).max() < 1e-4
    assert np.abs(np.array(rows["vt"], float) - mesh.uv).max() < 1e-6
    assert np.abs(np.linalg.norm(np.array(rows["vn"], float), axis=1) - 1).max() < 1e-3
    faces = np.array([[corner.split("/") for corner in face] for face in rows["f"]], int) - 1
    assert np.array_equal(faces[..., 0], mesh.triangles) and np.array_equal(faces[..., 2], mesh.triangles)
    assert np.array_equal(faces[..., 1], mesh.uv_triangles)
    assert "mtllib head.mtl" in lines and "usemtl Head" in lines
    assert {"newmtl Head", "map_Kd texture.png"} <= set(
        mtl_text([TexturedObject("Head", mesh, quadrants())]).splitlines()
    )


def test_the_bundled_head_survives(tmp_path):
    mesh = load_bundled_model().mesh()
    write_obj(tmp_path, mesh, quadrants(64))
    solid = trimesh.load(tmp_path / "head.obj", process=False)
    loaded = corner_set(solid.vertices[solid.faces] * 100, solid.visual.uv[solid.faces], 6)
    expected = corner_set(mesh.vertices[mesh.triangles], mesh.uv[mesh.uv_triangles], 6)
    assert np.abs(loaded - expected).max() < 1e-3
    assert 0.2 < solid.extents[1] < 0.45  # a head and neck in metres


def test_several_surfaces_in_one_obj(tmp_path):
    small = globe(6, 8, 2.0)
    surfaces = [
        TexturedObject("Head", globe(), quadrants(), "a.png"),
        TexturedObject("Teeth", small, plain((9, 8, 7)), "b.png"),
    ]
    write_surfaces(tmp_path / "posed.obj", surfaces)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "posed.mtl", "posed.obj"]
    scene = trimesh.load(tmp_path / "posed.obj", process=False, split_object=True)
    loaded = {len(solid.faces): solid for solid in scene.geometry.values()}
    for surface in surfaces:
        solid, mesh = loaded[len(surface.mesh.triangles)], surface.mesh
        corners = corner_set(solid.vertices[solid.faces] * 100, solid.visual.uv[solid.faces], 3)
        expected = corner_set(mesh.vertices[mesh.triangles], mesh.uv[mesh.uv_triangles], 3)
        assert np.abs(corners - expected).max() < 2e-3
        assert np.array_equal(np.array(solid.visual.material.image.convert("RGB")), surface.texture)


def test_equal_input_gives_equal_bytes(tmp_path):
    mesh, texture = globe(), quadrants()
    for folder in ("a", "b"):
        write_obj(tmp_path / folder, mesh, texture)
        turntable.write_turntable(
            tmp_path / folder / "turn.gif", [(mesh, texture)], ExportParams(turntable_frames=3, turntable_size=64)
        )
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_bad_input_is_refused_before_anything_is_written(tmp_path):
    mesh = globe()
    broken = mesh.with_vertices(np.where(np.arange(len(mesh.vertices))[:, None] == 3, np.nan, mesh.vertices))
    write = partial(write_obj, tmp_path)
    with pytest.raises(ValueError, match="not finite"):
        write(broken, quadrants())
    with pytest.raises(ValueError, match="uint8"):
        write(mesh, quadrants().astype(float))
    with pytest.raises(ValueError, match="blanks"):
        write_obj(tmp_path, mesh, quadrants(), stem="my head")
    assert not list(tmp_path.iterdir())


def test_unwritable_target_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_obj(tmp_path / "file", globe(), quadrants())
    assert "\n" not in str(caught.value)


def read_gif(content_path) -> tuple[Image.Image, list[np.ndarray]]:
    image = Image.open(content_path)
    frames = []
    for index in range(image.n_frames):
        image.seek(index)
        frames.append(np.array(image.convert("RGB")))
    return image, frames


def test_turntable_turns_the_head_once(tmp_path):
    mesh, texture = globe(), quadrants()
    path = tmp_path / "turntable.gif"
    turntable.write_turntable(path, [(mesh, texture)], ExportParams(turntable_frames=8, turntable_size=96))
    image, frames = read_gif(path)
    assert len(frames) == 8 and image.size == (96, 96) and image.info["loop"] == 0
    red, green = np.array((230, 20, 20)), np.array((20, 200, 20))
    left, right = (30, 34), (30, 62)  # upper half, left and right of the middle
    assert np.abs(frames[0][left] - red).max() < 40 and np.abs(frames[0][right] - green).max() < 40
    assert np.abs(frames[4][left] - green).max() < 40 and np.abs(frames[4][right] - red).max() < 40
    for frame in frames:  # the head never leaves the picture, the background never flickers
        border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
        assert (border == turntable.BACKGROUND).all()


def test_turntable_has_one_palette(tmp_path):
    """Bit 7 of an image descriptor's flags announces a palette of its own (GIF89a, section 20)."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)
    frames[:, 0, 0] = turntable.BACKGROUND
    content = turntable.gif_bytes(frames)
    assert content[:6] == b"GIF89a" and content[10] & 0x80
    place, found = 13 + 3 * 2 ** ((content[10] & 7) + 1), 0
    while content[place] != 0x3B:
        if content[place] == 0x21:
            place += 2
        else:
            assert content[place] == 0x2C
            assert not content[place + 9] & 0x80
            found += 1
            place += 11  # descriptor and LZW code size
        while content[place]:
            place += content[place] + 1
        place += 1
    assert found == 4


def test_turntable_gives_up_colours_before_it_grows_too_large():
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    full = turntable.gif_bytes(frames)
    assert len(turntable.gif_bytes(frames, max_bytes=len(full) - 1)) < len(full)


def test_single_and_empty_frames_can_be_encoded():
    plain = np.full((1, 16, 16, 3), 200, np.uint8)
    assert turntable.gif_bytes(plain).startswith(b"GIF8")
    with pytest.raises(ValueError, match="frames"):
        turntable.gif_bytes(plain[:0])
