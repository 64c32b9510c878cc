"""`portrait print`: head and shell become one closed solid of the height that was asked for."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from scipy.spatial import cKDTree

from portrait_pipeline.commands.portrait import main
from portrait_pipeline.export.solid import bust, capped, is_closed, signed_volume
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.obj import TexturedObject, write_surfaces

CORE = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"


def ball(radius: float, centre: tuple[float, float, float], inside_out: bool = False) -> Mesh:
    shape = trimesh.creation.icosphere(3, radius)
    faces = shape.faces[:, ::-1] if inside_out else shape.faces
    flat = np.zeros_like(faces, dtype=np.int32)
    return Mesh(shape.vertices + centre, np.array(faces, np.int32), np.zeros((1, 2)), flat)


@pytest.fixture(scope="module")
def results(model, tmp_path_factory) -> Path:
    """The head in a ball of shoulders and a cap of hair, as `portrait stylize` leaves them."""
    folder = tmp_path_factory.mktemp("results")
    grey = np.full((8, 8, 3), 128, np.uint8)
    low, high = model.mean.min(axis=0), model.mean.max(axis=0)
    shoulders = ball(12, (0, low[1] - 5, -3))
    hair = ball(9, (0, high[1] - 6, -5))
    count = len(shoulders.vertices)
    shell = Mesh(
        np.vstack([shoulders.vertices, hair.vertices]),
        np.vstack([shoulders.triangles, hair.triangles + count]),
        np.zeros((1, 2)),
        np.zeros((2 * len(hair.triangles), 3), np.int32),
    )
    objects = [TexturedObject("Head", model.mesh(), grey), TexturedObject("Shell", shell, grey, "shell.png")]
    write_surfaces(folder / "portrait.obj", objects)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, ["print", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_an_stl_is_watertight_and_as_high_as_asked(results, tmp_path, model):
    assert "120 mm" in run(results, "-o", tmp_path / "a.stl") and "watertight" in run(results, "-o", tmp_path / "a.stl")
    solid = trimesh.load(tmp_path / "a.stl")
    assert solid.is_watertight and solid.is_winding_consistent and solid.body_count == 1
    assert solid.extents[2] == pytest.approx(120, abs=1e-3) and solid.bounds[0, 2] == pytest.approx(0, abs=1e-3)
    base = solid.triangles_center[:, 2] < 1e-3
    assert solid.area_faces[base].sum() > 1500, "it stands on a flat foot"
    # The nose points at -y, and the face is there as it was.
    scale = solid.extents[0] / 24  # the shoulders' ball is the widest
    face = model.mean[model.landmarks] * scale
    upper = solid.vertices[solid.vertices[:, 2] > 60]
    front = upper[upper[:, 1].argmin()]
    shown = np.column_stack([face[:, 0], -face[:, 2], face[:, 1]])
    shown += front - shown[np.argmin(shown[:, 1])]
    distance = cKDTree(solid.vertices).query(shown[27:60])[0]
    assert np.median(distance) < 0.02 * 120


def test_a_3mf_holds_the_same_solid_in_millimetres(results, tmp_path):
    run(results, "-o", tmp_path / "a.3mf", "--height", 60)
    run(results, "-o", tmp_path / "a.stl", "--height", 60)
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        assert archive.testzip() is None and "[Content_Types].xml" in archive.namelist()
        root = ElementTree.parse(io.BytesIO(archive.read("3D/3dmodel.model"))).getroot()
    assert root.get("unit") == "millimeter"
    vertices = np.array([[node.get(axis) for axis in "xyz"] for node in root.iter(f"{CORE}vertex")], float)
    triangles = np.array([[node.get(f"v{i}") for i in (1, 2, 3)] for node in root.iter(f"{CORE}triangle")], int)
    assert is_closed(triangles) and len(np.unique(triangles)) == len(vertices)
    other = trimesh.load(tmp_path / "a.stl")
    assert signed_volume(vertices, triangles) == pytest.approx(other.volume, rel=1e-4)
    assert vertices[:, 2].max() == pytest.approx(60, abs=1e-3)
    first = (tmp_path / "a.3mf").read_bytes()
    run(results, "-o", tmp_path / "a.3mf", "--height", 60)
    assert (tmp_path / "a.3mf").read_bytes() == first


def test_cavities_are_filled_and_what_hangs_in_the_air_is_left_out():
    body, hollow = ball(10, (0, 0, 0)), ball(4, (0, 0, 0), inside_out=True)
    count = len(body.vertices)
    hollowed = np.vstack([body.vertices, hollow.vertices]), np.vstack([body.triangles, hollow.triangles + count])
    crumb = ball(1, (0, 14, 0))
    solid = bust([hollowed, (crumb.vertices, crumb.triangles)], 100)
    assert is_closed(solid.triangles) and signed_volume(solid.vertices, solid.triangles) > 0
    inner = np.linalg.norm(solid.vertices - solid.vertices.mean(axis=0), axis=1).min()
    assert inner > 25, "no vertex of the cavity is left"
    assert 0 < solid.left_out < 0.01 and np.ptp(solid.vertices[:, 2]) == pytest.approx(100, abs=1e-3)


def test_a_rim_is_closed_and_two_rims_are_refused():
    shape = ball(10, (0, 0, 0))
    heights = shape.vertices[shape.triangles][:, :, 1]
    cut = shape.triangles[heights.min(axis=1) > -7]
    assert not is_closed(cut) and is_closed(capped(shape.vertices, cut)[1]) and is_closed(shape.triangles)
    both = cut[shape.vertices[cut][:, :, 1].max(axis=1) < 7]
    with pytest.raises(ValueError, match="more holes than the neck"):
        capped(shape.vertices, both)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-o", "a.obj"], "portrait: a.obj: '.obj' is not a known suffix; use .3mf, .stl"),
        (["-o", "a.stl", "--height", "nan"], "nan is not a number in the range 5<=x<=2000"),
        (["-o", "a.stl", "--height", "0.1"], "0.1 is not in the range 5<=x<=2000"),
    ],
)
def test_mistakes_get_one_line_and_leave_no_file(results, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["print", str(results), *arguments])
    assert result.exit_code in (1, 2) and words in result.output.splitlines()[-1]
    (tmp_path / "portrait.obj").write_text("o Head\nv 0 0 0\nf 1 2 3\n")
    result = CliRunner().invoke(main, ["print", ".", "-o", "a.stl"])
    assert result.exit_code == 1 and "not an OBJ file of this project" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["portrait.obj"]
