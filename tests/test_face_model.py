"""The bundled head model, and the pure functions of its builder."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from scipy.spatial import Delaunay

from portrait_pipeline.base.artifacts import write_arrays
from portrait_pipeline.base.errors import InputFileError, ModelError
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.head.points import MIRROR
from portrait_pipeline.making.head_model import basis, disk, remesh, surface, uv
from portrait_pipeline.making.head_model.__main__ import main as build_main
from portrait_pipeline.making.head_model.source import load_source, symmetrise

FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def mean(model) -> np.ndarray:
    return model.mean.astype(float)


def deformed(model: FaceModel, **coefficients: float) -> np.ndarray:
    values = np.zeros(len(model.expression_names))
    for name, value in coefficients.items():
        values[model.expression_names.index(name)] = value
    return model.vertices(np.zeros(0), values)


def smallest_angles(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    corners = [remesh.angles(vertices, *(triangles[:, (k + j) % 3] for j in range(3))) for k in range(3)]
    return np.degrees(np.min(corners, axis=0))


# --- topology --------------------------------------------------------------------------------------


def test_mesh_is_one_manifold_disk_with_one_edge_at_the_neck(model, mean):
    edges = Counter(tuple(sorted(edge)) for edge in disk.half_edges(model.triangles).tolist())
    assert set(edges.values()) == {1, 2}
    directed = Counter(map(tuple, disk.half_edges(model.triangles).tolist()))
    assert set(directed.values()) == {1}
    graph = sp.csr_matrix((np.ones(len(edges)), np.array(list(edges)).T), (len(mean), len(mean)))
    assert sp.csgraph.connected_components(graph, directed=False)[0] == 1
    assert len(mean) - len(edges) + len(model.triangles) == 1
    (loop,) = disk.boundary_loops(model.triangles)
    assert sum(count == 1 for count in edges.values()) == len(loop)
    assert mean[loop, 1].max() < mean[model.landmarks[8], 1]  # below the chin


def test_about_twelve_thousand_well_shaped_triangles_finer_where_it_matters(model, mean):
    assert 11_000 <= len(mean) <= 13_000
    outside_mouth = (model.regions[model.triangles] != 3).all(axis=1)
    angle = smallest_angles(mean, model.triangles[outside_mouth])
    assert angle.min() > 12
    assert np.median(angle) > 45
    edges = disk.half_edges(model.triangles)
    length = np.linalg.norm(mean[edges[:, 0]] - mean[edges[:, 1]], axis=1)
    middle = mean[edges].mean(axis=1)

    def typical(points: np.ndarray, reach: float) -> float:
        return float(np.median(length[np.linalg.norm(middle - points.mean(axis=0), axis=1) < reach]))

    landmarks = mean[model.landmarks]
    scalp = np.median(length[(model.regions[edges] == 5).all(axis=1)])
    for part in (landmarks[36:42], landmarks[42:48], landmarks[48:60], landmarks[30:36]):
        assert typical(part, 1.5) < 0.55 * scalp


def test_triangles_face_outwards(model, mean):
    normals = disk.face_normals(mean, model.triangles)
    outside = mean[model.triangles].mean(axis=1) - [0, mean[model.landmarks[27], 1], 0]
    skull = (model.regions[model.triangles] == 5).all(axis=1)
    facing = (normals[skull] * outside[skull]).sum(axis=1)
    assert (facing > 0).mean() > 0.97
    face = model.landmarks[[30, 33, 51, 57, 27]]
    touching = np.isin(model.triangles, face).any(axis=1)
    assert (normals[touching, 2] > 0).mean() > 0.9


def test_exactly_symmetric(model, mean):
    count = len(mean)
    assert np.array_equal(model.mirror[model.mirror], np.arange(count))
    assert np.array_equal(model.mean[model.mirror] * FLIP.astype(np.float32), model.mean)
    seam = model.mirror == np.arange(count)
    assert (mean[seam, 0] == 0).all()
    assert (np.abs(mean[~seam, 0]) > 1e-3).all()

    def canonical(triangles: np.ndarray) -> set[tuple[int, ...]]:
        first = triangles.argmin(axis=1)
        return {tuple(np.roll(t, -k).tolist()) for t, k in zip(triangles, first, strict=True)}

    assert canonical(model.triangles) == canonical(model.mirror[model.triangles][:, ::-1])
    swapped = np.array([0, 2, 1, 3, 4, 5, 6])
    assert np.array_equal(model.regions[model.mirror], swapped[model.regions])


# --- texture layout --------------------------------------------------------------------------------


def test_uv_is_bijective_and_fills_the_square(model):
    areas = disk.signed_areas(model.uv.astype(float), model.uv_triangles)
    assert areas.min() > 0
    # positive triangles inside the unit square that cover it exactly cannot overlap
    assert model.uv.min() == 0 and model.uv.max() == 1
    assert areas.sum() == pytest.approx(1, abs=1e-5)
    assert len(disk.boundary_loops(model.uv_triangles)) == 1


def test_uv_has_one_seam_at_the_back(model, mean):
    owner = np.zeros(len(model.uv), int)
    owner[model.uv_triangles.ravel()] = model.triangles.ravel()
    split = np.flatnonzero(np.bincount(owner, minlength=len(mean)) > 1)
    assert len(model.uv) == len(mean) + len(split)
    assert (mean[split, 0] == 0).all()
    assert mean[split, 2].max() < 0.5 * mean[:, 2].max()
    assert not np.isin(split, model.landmarks).any()


def test_uv_is_symmetric_upright_and_gives_the_face_its_width(model):
    place = np.zeros((len(model.mean), 2))
    place[model.triangles.ravel()] = model.uv[model.uv_triangles.ravel()]
    face = model.regions == 0
    assert np.ptp(place[face, 0]) >= 0.6
    inside = face & (model.mirror != np.arange(len(face)))
    assert np.abs(place[model.mirror[inside]] - (place[inside] * [-1, 1] + [1, 0])).max() < 1e-3
    spots = place[model.landmarks]
    assert spots[36:48, 1].min() > spots[30, 1] > spots[48:60, 1].max() > spots[8, 1]
    assert spots[36, 0] < spots[39, 0] < 0.5 < spots[42, 0] < spots[45, 0]
    assert spots[[27, 30, 33, 51, 57, 8], 0] == pytest.approx(0.5, abs=1e-3)


# --- landmarks, contours, regions ------------------------------------------------------------------


def test_landmarks_are_distinct_ordered_and_symmetric(model, mean):
    ids = model.landmarks
    assert ids.shape == (68,) and len(set(ids.tolist())) == 68
    assert np.array_equal(model.mirror[ids], ids[MIRROR])
    x, y, z = mean[ids].T
    for row in (
        range(0, 17),
        range(17, 27),
        range(31, 36),
        range(48, 55),
        (36, 37, 38, 39),
        (42, 43, 44, 45),
    ):
        assert (np.diff(x[list(row)]) > 0).all()
    assert (np.diff(y[:9]) < 0).all() and (np.diff(y[27:31]) < 0).all()
    assert y[17:27].min() > y[36:48].max() > y[30] > y[33] > y[51] > y[62] > y[66] > y[57] > y[8]
    assert y[[37, 38, 43, 44]].min() > y[[40, 41, 46, 47]].max()
    assert y[[61, 62, 63]].min() > y[[65, 66, 67]].max()
    assert z.argmax() == 30


def test_lid_and_lip_landmarks_lie_on_the_rims_of_their_patches(model):
    for region, numbers in ((1, (43, 44, 46, 47)), (2, (37, 38, 40, 41)), (3, (61, 62, 63, 65, 66, 67))):
        touching = (model.regions[model.triangles] == region).any(axis=1)
        rim = np.setdiff1d(model.triangles[touching], np.flatnonzero(model.regions == region))
        assert np.isin(model.landmarks[list(numbers)], rim).all()


def test_jaw_contours_run_from_the_ear_to_the_face(model, mean):
    rows = model.jaw_contours
    assert rows.shape[0] == 17 and 10 <= rows.shape[1] <= 20
    for number, row in enumerate(rows):
        assert len(set(row.tolist())) == len(row)
        assert model.landmarks[number] in row[1:-1]
        step = np.linalg.norm(np.diff(mean[row], axis=0), axis=1)
        assert step.max() < 1.2
        assert mean[row[-1], 2] > mean[row[0], 2] + 0.8
        assert not np.isin(model.regions[row], (1, 2, 3, 4)).any()
    assert np.array_equal(model.mirror[rows], rows[::-1])


def test_regions(model, mean):
    names = FaceModel.REGIONS
    centre = {name: mean[model.regions == k].mean(axis=0) for k, name in enumerate(names)}
    assert all((model.regions == k).sum() > 100 for k in range(len(names)))
    assert centre["eye_left"][0] > 1 > -1 > centre["eye_right"][0]
    assert centre["mouth"][1] < centre["eye_left"][1]
    assert centre["scalp"][1] > centre["neck"][1] and centre["scalp"][2] < centre["face"][2]
    assert np.abs(mean[model.regions == 4, 0]).min() > np.abs(mean[model.landmarks[16], 0])
    assert (model.regions[model.landmarks] == 0).all()


# --- shapes ----------------------------------------------------------------------------------------


def test_identity_basis_is_an_orthogonal_decreasing_decomposition(model):
    flat = model.identity_basis.reshape(len(model.identity_basis), -1).astype(float)
    assert 60 <= len(flat) <= 100
    gram = flat @ flat.T
    size = np.sqrt(np.diag(gram))
    assert np.abs(gram / np.outer(size, size) - np.eye(len(flat))).max() < 2e-3
    assert (np.diff(size) < 1e-3 * size[0]).all()
    mirrored = (model.identity_basis[:, model.mirror] * FLIP).reshape(flat.shape)
    parity = (mirrored * flat).sum(axis=1) / size**2
    assert np.abs(np.abs(parity) - 1).max() < 5e-3


def test_identities_keep_the_lips_together(model):
    heights = model.identity_basis[:, model.landmarks, 1]
    gaps = heights[:, [61, 62, 63]] - heights[:, [67, 66, 65]]
    assert np.sqrt((gaps**2).sum(axis=0)).max() < 0.02  # cm for one standard deviation of everything


def test_expressions_are_the_arkit_set_and_only_the_tongue_is_empty(model):
    assert model.expression_names == tuple(basis.ARKIT_NAMES)
    assert len(set(model.expression_names)) == 52
    size = np.abs(model.expression_basis).max(axis=(1, 2))
    assert [name for name, s in zip(model.expression_names, size, strict=True) if s == 0] == ["tongueOut"]
    assert size.max() < 6


def test_left_expressions_move_the_subjects_left(model, mean):
    for k, name in enumerate(model.expression_names):
        side = 1 if name.endswith("Left") else -1 if name.endswith("Right") else 0
        if not side or name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
            continue
        motion = np.linalg.norm(model.expression_basis[k], axis=1)
        assert motion[mean[:, 0] * side > 0].sum() > 4 * motion[mean[:, 0] * side < 0].sum(), name
        other = name.replace("Left", "Right") if side > 0 else name.replace("Right", "Left")
        twin = model.expression_basis[model.expression_names.index(other)]
        assert np.abs(twin[model.mirror] * FLIP - model.expression_basis[k]).max() < 0.25, name
    for name, sign in (("jawLeft", 1), ("jawRight", -1), ("mouthLeft", 1), ("mouthRight", -1)):
        assert sign * (deformed(model, **{name: 1}) - mean)[model.landmarks[57], 0] > 0.3


def test_blink_brings_the_lids_together(model, mean):
    closed = deformed(model, eyeBlinkLeft=1)
    for upper, lower in ((43, 47), (44, 46)):
        pair = model.landmarks[[upper, lower]]
        before, after = (float(np.diff(shape[pair, 1])[0]) for shape in (mean, closed))
        assert abs(after) < 0.3 * abs(before)
    assert np.abs((closed - mean)[model.landmarks[36:42]]).max() < 0.05


def test_closed_eye_patch_does_not_bulge_through_the_lids(model):
    closed = deformed(model, eyeBlinkLeft=1)
    rim = closed[model.landmarks[42:48]]
    patch = closed[model.regions == 1]
    assert patch[:, 2].max() < rim[:, 2].max() + 0.1


def test_open_jaw_parts_the_inner_lips_and_stretches_the_patch(model, mean):
    opened = deformed(model, jawOpen=1)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        pair = model.landmarks[[upper, lower]]
        before, after = (float(shape[pair[0], 1] - shape[pair[1], 1]) for shape in (mean, opened))
        assert 0 < before < 0.15 and after > 2
    patch = (model.regions[model.triangles] == 3).any(axis=1)
    area = [np.linalg.norm(disk.face_normals(shape, model.triangles[patch]), axis=1).sum() for shape in (mean, opened)]
    assert area[1] > 8 * area[0]
    rim = np.setdiff1d(model.triangles[patch], np.flatnonzero(model.regions == 3))
    inside = opened[model.regions == 3, 2]
    assert inside.max() < opened[rim, 2].max()


def test_no_expression_but_mouth_close_crosses_the_lips(model):
    for name in model.expression_names:
        if name == "mouthClose":
            continue
        shape = deformed(model, **{name: 1})[model.landmarks]
        assert (shape[[61, 62, 63], 1] - shape[[67, 66, 65], 1]).min() > -0.02, name


def test_smile_lifts_the_corner_of_its_side(model, mean):
    moved = (deformed(model, mouthSmileLeft=1) - mean)[model.landmarks]
    assert moved[54, 1] > 0.3 and moved[54, 0] > 0.1
    assert np.abs(moved[48]).max() < 0.5 * moved[54, 1]


def test_random_heads_stay_clean(model, mean):
    rng = np.random.default_rng(3)
    outside_mouth = (model.regions[model.triangles] != 3).all(axis=1)
    reference = remesh.unit(disk.face_normals(mean, model.triangles[outside_mouth]))
    for _ in range(5):
        head = model.vertices(rng.standard_normal(len(model.identity_basis)), np.zeros(52))
        normals = remesh.unit(disk.face_normals(head, model.triangles[outside_mouth]))
        assert ((normals * reference).sum(axis=1) < 0).mean() < 0.002


def test_size_on_disk_and_round_trip(model, tmp_path):
    path = tmp_path / "head.h5"
    model.save(path)
    assert path.stat().st_size < 8e6
    again = FaceModel.load(path)
    for name in ("mean", "triangles", "uv", "uv_triangles", "landmarks", "jaw_contours", "mirror", "regions"):
        assert np.array_equal(getattr(again, name), getattr(model, name)), name
    assert np.array_equal(again.identity_basis, model.identity_basis)
    assert again.expression_names == model.expression_names and again.name == model.name


def test_load_names_a_missing_or_foreign_file(tmp_path):
    with pytest.raises(ModelError, match="missing"):
        FaceModel.load(tmp_path / "none.h5")
    write_arrays(tmp_path / "fit.h5", {"a": np.zeros(3)}, kind="fit")
    with pytest.raises(ModelError, match="holds 'fit'"):
        FaceModel.load(tmp_path / "fit.h5")


def test_camera_projects_and_unprojects(mean):
    angle = 0.3
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    camera = Camera(rotation, 20.0, np.array([250.0, 240.0]))
    assert camera.unproject(camera.project(mean)) == pytest.approx(mean)
    frontal = camera.frontal().project(np.array([[1.0, 2.0, 3.0]]))
    assert frontal == pytest.approx(np.array([[270.0, 200.0, 60.0]]))


# --- the builder's pure functions ------------------------------------------------------------------


def grid(n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Flat n x n grid of the unit square with x to the right, split into triangles."""
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1)
    index = np.arange(n * n).reshape(n, n)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    return vertices, np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def test_symmetrise_pairs_vertices_and_refuses_a_lopsided_head():
    points = np.array([[1.0, 0, 0], [-1.01, 0, 0], [0.001, 2, 0]])
    vertices, mirror = symmetrise(points)
    assert mirror.tolist() == [1, 0, 2]
    assert vertices[:, 0] == pytest.approx([1.005, -1.005, 0])
    with pytest.raises(InputFileError, match="not left-right symmetric"):
        symmetrise(np.array([[1.0, 0, 0], [2.0, 0, 0], [-1.6, 0, 0]]))


def test_cut_keeps_the_positive_side_with_exact_area():
    vertices, triangles = grid()
    weights, kept = surface.cut(triangles, vertices[:, 1] - 0.37)
    moved = weights @ vertices
    assert np.asarray(weights.sum(axis=1)).ravel() == pytest.approx(np.ones(len(moved)))
    assert moved[:, 1].min() == pytest.approx(0.37)
    assert disk.signed_areas(moved[:, :2], kept).min() > 0
    assert disk.signed_areas(moved[:, :2], kept).sum() == pytest.approx(0.63)
    assert len(disk.boundary_loops(kept)) == 1


def test_patch_is_ruled_between_its_arcs():
    s = np.linspace(0, np.pi, 21)
    upper = np.stack([np.cos(s), 0.5 * np.sin(s), 0 * s], axis=1)
    lower = np.stack([np.cos(s), -0.3 * np.sin(s), 0 * s], axis=1)[1:-1]
    positions = np.concatenate([upper, lower])
    arcs = np.arange(21), np.r_[0, np.arange(21, 40), 20]
    patch, triangles = surface.make_patch(positions, arcs, False, 6, 16, 40)
    inside = patch.t[:, None] * (patch.upper @ positions) + (1 - patch.t[:, None]) * (patch.lower @ positions)
    plane = np.concatenate([positions, inside])[:, :2]
    areas = disk.signed_areas(plane, triangles)
    outline = plane[np.r_[arcs[1], arcs[0][::-1][1:-1]]][::-1]
    x, y = outline.T
    expected = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    assert areas.min() > 0
    assert areas.sum() == pytest.approx(expected)


def test_reflect_makes_a_closed_symmetric_whole():
    vertices, triangles = grid(5)
    whole, mirror, origin = disk.reflect(triangles, vertices[:, 0] == 0)
    places = np.where((np.arange(len(origin)) < 25)[:, None], vertices[origin], vertices[origin] * FLIP)
    assert len(origin) == 45 and np.array_equal(mirror[mirror], np.arange(45))
    assert places[mirror] == pytest.approx(places * FLIP)
    assert disk.signed_areas(places[:, :2], whole).min() > 0
    assert len(disk.boundary_loops(whole)) == 1


def test_boundary_loops_refuse_a_mesh_that_is_not_oriented():
    with pytest.raises(ValueError, match="directed edge"):
        disk.boundary_loops(np.array([[0, 1, 2], [0, 1, 3]]))


def test_harmonic_map_reproduces_linear_functions_and_stays_bijective():
    vertices, triangles = grid()
    bumpy = vertices + np.stack([0 * vertices[:, 0]] * 2 + [np.sin(7 * vertices[:, 0]) * vertices[:, 1]], axis=1)
    loop = disk.boundary_loops(triangles)[0]
    same = disk.solve_map(disk.mean_value_weights(vertices, triangles), loop, vertices[loop, :2])
    assert same == pytest.approx(vertices[:, :2])
    mapped = disk.solve_map(disk.mean_value_weights(bumpy, triangles), loop, vertices[loop, :2])
    assert disk.signed_areas(mapped, triangles).min() > 0


def test_remesh_covers_a_square_evenly_and_keeps_its_features():
    vertices, triangles = grid(21)
    loop = disk.boundary_loops(triangles)[0]
    corners = np.array([0, 20, 440, 420])
    first = int(np.flatnonzero(loop == 0)[0])
    chain = np.r_[np.roll(loop, -first), 0]
    middle = np.arange(220 - 10, 220 + 11)
    length = np.full(len(vertices), 0.06)
    points, new, edges = remesh.remesh(
        remesh.Surface(vertices, triangles, length),
        [*remesh.split_chain(chain, np.r_[corners, middle[[0, -1]]]), middle],
        np.r_[corners, 225],
        1.0,
        np.random.default_rng(0),
        passes=8,
    )
    places = points.of(vertices)
    areas = disk.signed_areas(places[:, :2], new)
    assert areas.min() > 0 and areas.sum() == pytest.approx(1)
    assert smallest_angles(places, new).min() > 20
    have = {tuple(sorted(e)) for e in disk.half_edges(new).tolist()}
    assert all(tuple(sorted(e)) in have for e in edges.tolist())
    assert np.abs(places - vertices[225]).sum(axis=1).min() < 1e-12


def dome() -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Symmetric dome, apex up: ``(vertices, triangles, mirror, triangles of the half x >= 0)``."""
    plane = [(0.0, 0.0)]
    for ring in range(1, 9):
        angle = np.linspace(-np.pi / 2, np.pi / 2, 3 * ring + 1)
        plane += list(zip(ring / 8 * np.cos(angle), ring / 8 * np.sin(angle), strict=True))
    flat = np.array(plane)
    flat[np.abs(flat[:, 0]) < 1e-12, 0] = 0
    half = Delaunay(flat).simplices
    half[disk.signed_areas(flat, half) < 0] = half[disk.signed_areas(flat, half) < 0][:, ::-1]
    half = half[disk.signed_areas(flat, half) > 1e-9]
    triangles, mirror, origin = disk.reflect(half, flat[:, 0] == 0)
    side = np.where(np.arange(len(origin)) < len(flat), 1, -1)
    x, y = flat[origin, 0] * side, flat[origin, 1]
    return np.stack([x, 1.5 - 1.5 * (x**2 + y**2), -y], axis=1), triangles, mirror, len(half)


def test_uv_layout_of_a_dome_is_bijective_and_symmetric():
    vertices, triangles, mirror, own = dome()
    back = np.flatnonzero((vertices[:, 0] == 0) & (vertices[:, 2] <= 1e-9))
    path = back[np.argsort(vertices[back, 2])]  # from the back edge to the top
    second = np.arange(len(triangles)) >= own
    face = vertices[:, 2] > 0.2
    layout, cut = uv.lay_out(vertices, triangles, path, second, mirror, face, np.ones(len(vertices)))
    areas = disk.signed_areas(layout, cut)
    assert areas.min() > 0 and areas.sum() == pytest.approx(1)
    assert len(layout) == len(vertices) + len(path) - 1
    assert np.ptp(layout[: len(vertices)][face, 0]) == pytest.approx(uv.FACE_WIDTH, abs=0.01)
    free = np.setdiff1d(np.arange(len(vertices)), path)
    assert layout[mirror[free]] == pytest.approx(layout[free] * [-1, 1] + [1, 0])
    assert layout[path[0]] == pytest.approx([1, 0]) and layout[path[-1]] == pytest.approx([0.5, 1])


def test_identity_basis_recovers_known_modes():
    rng = np.random.default_rng(2)
    mirror = np.array([1, 0, 3, 2, 4])
    even = np.zeros((5, 3))
    even[0], even[1] = (3, 0, 0), (-3, 0, 0)
    odd = np.zeros((5, 3))
    odd[2], odd[3] = (0, 1, 0), (0, -1, 0)
    modes = np.stack([even, odd])
    found, kept = basis.identity_basis(modes, mirror, 2, 40_000, rng)
    assert kept == pytest.approx(1)
    assert np.abs(found[0]) == pytest.approx(np.abs(even), abs=0.05)
    assert np.abs(found[1]) == pytest.approx(np.abs(odd), abs=0.05)


def test_builder_names_a_bad_source_in_one_line(tmp_path):
    path = tmp_path / "source.npz"
    np.savez(path, neutral=np.zeros((3, 3)))
    with pytest.raises(InputFileError, match="lacks the field 'identity'"):
        load_source(path)
    result = CliRunner().invoke(build_main, [str(tmp_path / "none.npz"), "-o", str(tmp_path / "out.h5")])
    assert result.exit_code == 1 and "none.npz" in result.output and result.output.count("\n") == 1
