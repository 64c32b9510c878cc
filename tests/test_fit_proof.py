"""The proof of the fit: known heads, alignment, distances to scans, the stage and the commands."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner

from portrait_pipeline.base.artifacts import read_json
from portrait_pipeline.base.errors import InputFileError, NoFaceError
from portrait_pipeline.base.stage import Layout
from portrait_pipeline.fit.fit import Fit
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.head.points import eye_distance
from portrait_pipeline.head.pose import rotation_from_angles, rotation_from_vector
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.params import FitProofParams
from portrait_pipeline.lab.proofs import fit_report, fit_scan, known_heads
from portrait_pipeline.lab.proofs import scan as scans
from portrait_pipeline.lab.proofs.fit_errors import (
    aligned_distances,
    bin_by_yaw,
    correlation,
    draw_heads,
    face_and_head,
    measure_head,
    rotation_angle,
    seen_rotation,
    summarise,
)
from portrait_pipeline.mesh.similarity import Similarity, fit_similarity


@pytest.fixture(scope="module")
def model():
    return load_bundled_model()


@pytest.fixture(scope="module")
def heads(model):
    return list(draw_heads(model, 6, known_heads.DrawnRange(), 1.0, 0.1, np.random.default_rng(3)))


def moved(points, scale=1.7, seed=0):
    rng = np.random.default_rng(seed)
    rotation = rotation_from_vector(rng.normal(size=3))
    shift = rng.normal(size=3)
    return scale * points @ rotation.T + shift, Similarity(scale, rotation, shift)


# --- alignment ---


def naive_similarity(moving, fixed):
    """Kabsch and Umeyama, written out with loops."""
    a, b = moving - moving.mean(0), fixed - fixed.mean(0)
    cross = np.zeros((3, 3))
    for p, q in zip(a, b, strict=True):
        cross += np.outer(q, p)
    u, s, v = np.linalg.svd(cross)
    sign = np.diag([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation = u @ sign @ v
    scale = (s * np.diag(sign)).sum() / (a**2).sum()
    return scale, rotation, fixed.mean(0) - scale * rotation @ moving.mean(0)


@pytest.mark.parametrize("seed", range(3))
def test_the_best_similarity_is_that_of_the_textbook_also_with_noise(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(40, 3))
    fixed, truth = moved(points, 1.7, seed)
    found = fit_similarity(points, fixed)
    assert found.scale == pytest.approx(truth.scale)
    assert np.allclose(found.rotation, truth.rotation) and np.allclose(found.translation, truth.translation)
    noisy = fixed + rng.normal(0, 0.3, fixed.shape)
    found, naive = fit_similarity(points, noisy), naive_similarity(points, noisy)
    assert found.scale == pytest.approx(naive[0])
    assert np.allclose(found.rotation, naive[1]) and np.allclose(found.translation, naive[2])


def test_alignment_never_reflects_and_keeps_the_size_when_told_to():
    points = np.random.default_rng(0).normal(size=(30, 3))
    mirrored = points * [-1, 1, 1]
    assert np.linalg.det(fit_similarity(points, mirrored).rotation) == pytest.approx(1.0)
    assert aligned_distances(points, mirrored).mean() > 0.1
    large, _ = moved(points, 2.0)
    assert aligned_distances(points, large).max() < 1e-9
    kept = fit_similarity(points, large, scale=False)
    assert kept.scale == 1.0
    half = np.linalg.norm(points - points.mean(0), axis=1)
    assert aligned_distances(points, large, scale=False) == pytest.approx(half)


def test_correlation_is_pearsons_and_0_for_a_constant():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 12))
    assert correlation(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])
    assert correlation(first, 3 * first + 1) == pytest.approx(1.0)
    assert correlation(first, np.zeros(12)) == 0.0


# --- pose ---


def test_cameras_that_see_the_same_have_the_same_seen_rotation():
    rotation = rotation_from_angles(20, -8, 5)
    ahead = PerspectiveCamera(rotation, np.array([0, 0, -80.0]), 1000.0, np.zeros(2))
    assert np.allclose(seen_rotation(ahead), rotation)
    assert np.allclose(seen_rotation(Camera(rotation, 10.0, np.zeros(2))), rotation)
    # The viewer walks round the head: what is seen stays the same, whatever the camera's own direction.
    turn = rotation_from_vector(np.array([0.05, -0.3, 0.0]))
    aside = PerspectiveCamera(turn @ rotation, turn @ ahead.translation, 1000.0, np.zeros(2))
    assert rotation_angle(seen_rotation(aside) @ rotation.T) < 1e-5
    assert rotation_angle(turn) == pytest.approx(np.degrees(np.linalg.norm([0.05, -0.3])))


# --- known heads ---


def test_the_outline_of_a_circle_is_the_circle_and_points_are_spread_evenly():
    angles = np.arange(0, 2 * np.pi, 0.01)
    ring = 50 * np.stack([np.cos(angles), np.sin(angles)], 1) + [200, 100]
    image = np.concatenate([ring, [[200.0, 100.0]]])
    edges = np.array([(i, (i + 1) % len(ring)) for i in range(len(ring))] + [(i, len(ring)) for i in range(len(ring))])
    outline = known_heads.face_outline(image, edges, np.array([205.0, 90.0]))
    assert np.abs(np.linalg.norm(outline - [200, 100], axis=1) - 50).max() < 0.01
    anchors = np.array([[100.0, 100], [200, 400], [300, 100]])  # left, below, right
    points = known_heads.spread_along(outline, anchors, np.ones(16))
    expected = np.pi - np.arange(17) * np.pi / 16
    assert np.abs(points - (50 * np.stack([np.cos(expected), np.sin(expected)], 1) + [200, 100])).max() < 0.3


def test_jaw_points_lie_on_the_border_of_the_visible_face(model, heads):
    edges = known_heads.annotated_face(model)
    for head, _ in heads:
        image = head.camera.project(head.vertices)[:, :2]
        middle = image[np.unique(edges)].mean(0)
        used = image[np.unique(edges)]
        for point in head.points[1:16]:
            out = (point - middle) / np.linalg.norm(point - middle)
            across = np.array([-out[1], out[0]])
            near = used[np.abs((used - point) @ across) < 2.0]  # a narrow sector: nothing is further out
            near = near[(near - middle) @ out > 0]
            assert ((near - point) @ out).max() < 4.0


def test_heads_are_as_asked(heads):
    for head, inputs in heads:
        assert (np.abs(head.angles) <= [45, 15, 15]).all()
        assert np.allclose(head.camera.rotation, rotation_from_angles(*head.angles))
        assert 40 <= head.camera.distance <= 250
        assert ((head.points > 0) & (head.points < 512)).all()
        wrong = np.linalg.norm(inputs["outliers"].points - inputs["noise"].points, axis=1)
        unit = eye_distance(head.points)
        assert (wrong > 0).sum() == 7
        assert wrong[wrong > 0].min() >= 0.0999 * unit and wrong.max() <= 0.5001 * unit
        missing = inputs["missing"].weights == 0
        assert missing.sum() == 19
        # The side that is turned away is the narrower one.
        far, near = (np.ptp(head.points[side, 0]) for side in (known_heads.FAR_LEFT, known_heads.FAR_RIGHT))
        if abs(head.angles[0]) > 15:
            assert missing[16] == (far < near)


def test_drawing_repeats_and_a_longer_run_starts_with_the_same_heads(model, heads):
    again = list(draw_heads(model, 2, known_heads.DrawnRange(), 1.0, 0.1, np.random.default_rng(3)))
    for (first, given), (second, same) in zip(heads, again, strict=False):
        assert np.array_equal(first.points, second.points) and np.array_equal(first.vertices, second.vertices)
        assert all(np.array_equal(given[name].points, same[name].points) for name in given)


def test_expressions_take_at_most_one_shape_of_a_family_and_no_name_a_model_lacks():
    rng = np.random.default_rng(0)
    names = ("mouthSmileLeft", "mouthSmileRight", "jawOpen", "other")
    drawn = np.array([known_heads.draw_expression(names, rng) for _ in range(200)])
    assert (drawn[:, 3] == 0).all() and drawn.max() <= 0.7
    smiling = drawn[:, 0] > 0
    assert np.array_equal(smiling, drawn[:, 1] > 0) and 0 < smiling.mean() < 0.3


def truth_as_fit(model, head):
    seen = landmarks_seen(model, head.vertices, head.camera)
    return Fit(head.identity, head.expression, head.camera, model.landmarks[:17], seen)


def test_the_true_head_has_no_error_and_a_known_one_has_that(model, heads):
    regions = face_and_head(model)
    for head, _ in heads[:2]:
        exact = truth_as_fit(model, head)
        row = measure_head(model, head, exact, regions, 10)
        assert row["correlation"] == pytest.approx(1.0)
        assert max(abs(value) for name, value in row.items() if name != "correlation") < 1e-3
        turned = rotation_from_angles(*(head.angles + [3, 0, 0]))
        wrong = PerspectiveCamera(turned, head.camera.translation, head.camera.focal, head.camera.principal)
        row = measure_head(
            model, head, Fit(-head.identity, head.expression, wrong, exact.contour, exact.surface), regions, 10
        )
        assert row["correlation"] == pytest.approx(-1.0)
        assert row["face_mm"] > 1.0 and row["turn"] == pytest.approx(3.0, abs=0.05)
        assert row["yaw"] == pytest.approx(3.0, abs=0.3)


def test_summaries_are_medians_of_sizes():
    rows = [
        {"face_mm": 1.0, "yaw": -3.0, "correlation": -0.5},
        {"face_mm": 2.0, "yaw": 1.0, "correlation": 0.5},
        {"face_mm": 9.0, "yaw": 2.0, "correlation": 0.9},
    ]
    summary = summarise(rows)
    assert summary["face_mm"] == 2.0 and summary["yaw_deg"] == 2.0 and summary["correlation"] == 0.5
    assert summary["face_mm_95"] == pytest.approx(np.quantile([1, 2, 9], 0.95))
    full = [row | dict.fromkeys(("head_mm", "pitch", "roll", "turn"), 0.0) for row in rows]
    bins = bin_by_yaw(full, [-20.0, 3.0, 44.0], (0, 15, 30, 45, 60))
    assert {name: value["heads"] for name, value in bins.items()} == {"0-15": 1, "15-30": 1, "30-45": 1}


# --- the stage ---


@pytest.fixture(scope="module")
def proof(model):
    return fit_report.prove(model, FitParams(), FitProofParams(heads=4, compared=2))


def test_the_stage_writes_metrics_tables_and_figures(proof, tmp_path, monkeypatch, capsys):
    place = Path(__file__).parents[1] / "stages" / "lab" / "fit_proof.py"
    spec = importlib.util.spec_from_file_location("fit_proof_stage", place)
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    asked = []
    monkeypatch.setattr(stage, "prove", lambda model, fit, params, progress: asked.append(params) or proof)
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    (tmp_path / "stages" / "lab").mkdir(parents=True)
    (tmp_path / "stages" / "lab" / "params.yaml").write_text("fit_proof: {heads: 4, compared: 2}\n")
    monkeypatch.chdir(tmp_path)
    stage.main(Layout())
    assert asked == [FitProofParams(heads=4, compared=2)]
    assert len(capsys.readouterr().out.splitlines()) == 5
    metrics = read_json("metrics/fit.json")
    assert set(metrics) == {"heads", "fit", "outliers", "missing", "weak_perspective", "mean_head", "by_yaw"}
    assert metrics["fit"]["heads"] == 4 and metrics["mean_head"]["heads"] == 2 and metrics["fit"]["failed"] == 0
    assert metrics["fit"]["face_mm"] < metrics["mean_head"]["face_mm"]
    assert metrics["fit"]["points_px"] < metrics["mean_head"]["points_px"]
    assert sum(part["heads"] for part in metrics["by_yaw"].values()) == 4
    names = {path.name for path in (tmp_path / "data/artifacts/fit_proof").iterdir()}
    assert names == {"cases.csv", "heads.csv", "coefficients.csv", "errors.png", "coefficients.png", "heads.png"}
    assert "seconds" not in str(metrics) and "ms" not in metrics["fit"]


def test_equal_proofs_give_equal_files(model, proof, tmp_path):
    for number in range(2):
        fit_report.write_proof(model, proof, tmp_path / str(number), tmp_path / f"{number}.json")
    assert (tmp_path / "0.json").read_bytes() == (tmp_path / "1.json").read_bytes()
    for path in (tmp_path / "0").iterdir():
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()


# --- distances to surfaces ---


def naive_distance(point, corners):
    """Smallest distance over a fine net of points of the triangle."""
    steps = 60
    u, v = np.meshgrid(np.arange(steps + 1), np.arange(steps + 1))
    keep = u + v <= steps
    u, v = u[keep] / steps, v[keep] / steps
    places = corners[0] + u[:, None] * (corners[1] - corners[0]) + v[:, None] * (corners[2] - corners[0])
    return np.linalg.norm(places - point, axis=1).min()


def test_nearest_points_are_those_of_all_triangles():
    rng = np.random.default_rng(0)
    vertices = rng.normal(size=(30, 3)) * [1, 1, 0.2]
    triangles = rng.permutation(30).reshape(10, 3)
    points = rng.normal(size=(25, 3)) * 2
    nearest, owner = scans.closest_points(points, scans.Surface.of(vertices, triangles))
    for point, place, triangle in zip(points, nearest, owner, strict=True):
        naive = [naive_distance(point, vertices[corners]) for corners in triangles]
        found = np.linalg.norm(place - point)
        assert found <= min(naive) + 1e-9 and found > min(naive) - 0.05
        assert naive_distance(place, vertices[triangles[triangle]]) < 0.05


@pytest.fixture(scope="module")
def turned_scan(model):
    """A drawn head as a scan that is moved, turned and of another size."""
    head = model.vertices(np.random.default_rng(1).normal(size=20), np.zeros(len(model.expression_names)))
    vertices, placement = moved(head, 1.1, 4)
    return head, scans.Scan(vertices, model.triangles), placement


def test_a_head_laid_on_itself_has_no_distance_and_its_placement_is_found(model, turned_scan):
    head, scan, truth = turned_scan
    surface = scans.Surface.of(scan.vertices, scan.triangles)
    rough = scan.vertices[model.landmarks[17:]] + np.random.default_rng(0).normal(0, 0.3, (51, 3))
    skin = np.ones(len(head), bool)
    found = scans.surface_distance(
        head, model.triangles, fit_scan.face_region(model), head[model.landmarks[17:]], scan, skin, surface, rough
    )
    assert found.to_scan_mm < 0.1 and found.to_head_mm < 0.1
    assert found.placement.scale == pytest.approx(truth.scale, abs=2e-3)
    assert rotation_angle(found.placement.rotation @ truth.rotation.T) < 0.2


def test_a_head_with_a_thicker_skin_is_that_far_away(model, turned_scan):
    from portrait_pipeline.mesh.render import vertex_normals

    head, scan, _ = turned_scan
    mean_landmarks = slice(17, 68)
    bumps = 0.2 * np.sin(3 * head[:, :1]) * vertex_normals(head, model.triangles)  # no similarity explains them
    other = scans.Scan(head + bumps, model.triangles)
    surface = scans.Surface.of(other.vertices, other.triangles)
    points = head[model.landmarks[mean_landmarks]]
    found = scans.surface_distance(
        head, model.triangles, fit_scan.face_region(model), points, other, np.ones(len(head), bool), surface, points
    )
    expected = 10 * 0.2 * 2 / np.pi  # mean of |sin|
    assert found.to_scan_mm == pytest.approx(expected, rel=0.25)
    assert found.to_head_mm == pytest.approx(found.to_scan_mm, rel=0.15)


def test_a_picture_shows_each_seen_vertex_where_the_camera_puts_it(model):
    scan = scans.Scan(model.mean.astype(float), model.triangles)
    camera = scans.view_camera(25.0, 5.0, 60.0, 16.0, 400)
    hits = scans.look(scan, camera, 400)
    nose = model.landmarks[[27, 30, 33, 36, 48]]
    assert np.abs(hits.at(camera.project(scan.vertices[nose])[:, :2], scan) - scan.vertices[nose]).max() < 0.15
    seen = scans.seen_from(scan, [camera], 400)
    towards = (camera.towards(scan.vertices) * scans.vertex_normals(scan.vertices, scan.triangles)).sum(1)
    assert seen[towards > 0.5].mean() > 0.95 and seen[towards < -0.2].mean() < 0.02
    empty = hits.at(np.array([[1.0, 1.0]]), scan)
    assert np.isnan(empty).all()


def test_a_picture_has_the_textures_colours_the_right_way_up():
    square = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    uv = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]) * 0.98 + 0.01
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:32, :32], texture[32:, 32:] = (255, 0, 0), (0, 255, 0)
    scan = scans.Scan(square, np.array([[0, 1, 2], [0, 2, 3]]), uv, texture)
    picture = scans.picture_of(scan, scans.view_camera(0, 0, 100.0, 10.0, 120), 120)
    assert picture[40, 40].argmax() == 0 and picture[80, 80].argmax() == 1
    assert picture[40, 80].max() == 0 and tuple(picture[2, 2]) == scans.BACKGROUND


def test_pose_errors_are_turns_against_the_known_views_in_the_heads_own_frame():
    known = [scans.view_camera(yaw, pitch, 80.0, 18.0, 600) for yaw, pitch in ((0, 0), (30, 0), (-30, 10))]
    _, placement = moved(np.zeros((1, 3)), 1.0, 2)
    exact = [
        PerspectiveCamera(
            view.rotation @ placement.rotation,
            view.rotation @ placement.translation + view.translation,
            1500.0,
            np.full(2, 300.0),
        )
        for view in known
    ]
    assert np.allclose(fit_scan.pose_errors(exact, known, [placement] * 3), 0.0, atol=1e-9)
    same = Similarity(1.0, np.eye(3), np.zeros(3))
    turned = [Camera(view.rotation @ rotation_from_angles(0, 7, 0), 18.0, np.zeros(2)) for view in known]
    assert np.allclose(fit_scan.pose_errors(turned, known, [same] * 3), 0.0, atol=1e-9)  # another idea of frontal
    off = [Camera(rotation_from_angles(yaw, 0.0, 0.0), 18.0, np.zeros(2)) for yaw in (0.0, 9.0, 0.0)]
    ahead = [scans.view_camera(0, 0, 80.0, 18.0, 600)] * 3
    errors = fit_scan.pose_errors(off, ahead, [same] * 3)
    assert errors == pytest.approx(np.array([[0.0, 0, 0], [9, 0, 0], [0, 0, 0]]), abs=0.1)


# --- files and commands ---


def test_a_scan_of_the_models_own_head_is_measured_from_file_to_report(model, tmp_path, monkeypatch):
    monkeypatch.setattr(fit_scan, "VIEWS", ((0, 0), (20, 0)))
    monkeypatch.setattr(fit_scan, "NEAR_YAWS", (0.0,))
    path = tmp_path / "head.ply"
    trimesh.Trimesh(model.mean * 0.01 + 3.0, model.triangles, process=False).export(path)  # metres, elsewhere
    result = CliRunner().invoke(main, ["fit", "scan", str(path), "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert result.output.count("view yaw") == 2 and "mm" in result.output
    numbers = read_json(tmp_path / "out" / "scan.json")
    assert numbers["views"] == 2 and numbers["mean_head"]["mean_mm"] < 0.2
    assert numbers["single"]["mean_mm"] < 3.0 and numbers["joint"]["yaw_deg"] < 4.0
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"scan.json", "views.csv", "views.png", "distance.png"}


def glb_of(colour, path):
    square = np.array([[-5.0, -5, 0], [5, -5, 0], [5, 5, 0], [-5, 5, 0]])
    from PIL import Image

    picture = Image.fromarray(np.full((8, 8, 3), colour, np.uint8))
    material = trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    visual = trimesh.visual.TextureVisuals(uv=np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]), material=material)
    triangles = np.array([[0, 1, 2], [0, 2, 3], [0, 2, 1], [0, 3, 2]])
    trimesh.Trimesh(square, triangles, visual=visual, process=False).export(path)


def test_a_glb_brings_its_texture_and_another_picture_takes_its_place(tmp_path):
    glb_of((200, 10, 30), tmp_path / "a.glb")
    scan = fit_scan.read_scan(tmp_path / "a.glb")
    assert tuple(scan.texture[0, 0]) == (200, 10, 30) and scan.uv.shape == (4, 2)
    from portrait_pipeline.base import images

    images.save_image(tmp_path / "b.png", np.full((64, 64, 3), 77, np.uint8))
    assert fit_scan.read_scan(tmp_path / "a.glb", tmp_path / "b.png").texture[0, 0, 0] == 77


def test_an_obj_opens_no_other_file(tmp_path, monkeypatch):
    (tmp_path / "a.obj").write_text(
        "mtllib ../secret.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nusemtl m\n" + "f 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n"
    )
    (tmp_path.parent / "secret.mtl").write_text("newmtl m\nmap_Kd /etc/passwd\n")
    opened = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: opened.append(self) or real(self))
    assert len(fit_scan.read_scan(tmp_path / "a.obj").triangles) == 4
    assert opened == [tmp_path / "a.obj"]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.glb", b"glTF\x02\x00\x00\x00 damaged", "damaged"),
        ("a.ply", b"ply\nnothing", "export"),
        ("a.stl", b"", "export"),
        ("a.obj", b"v 0 0 0\n", "export"),
        ("a.fbx", b"anything", "Blender"),
    ],
)
def test_a_mesh_that_cannot_be_used_is_named_with_the_remedy(tmp_path, name, content, word):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=word) as caught:
        fit_scan.read_scan(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_command_says_in_one_line_what_is_wrong(tmp_path, monkeypatch):
    run = CliRunner().invoke
    result = run(main, ["fit", "scan", str(tmp_path / "none.glb"), "-o", str(tmp_path)])
    assert result.exit_code == 1 and "none.glb: cannot be read" in result.output and result.output.count("\n") == 1
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\nf 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n")
    result = run(main, ["fit", "scan", str(tmp_path / "a.obj"), "--texture", "x.png", "-o", str(tmp_path)])
    assert result.exit_code == 1 and "no UV coordinates" in result.output
    monkeypatch.setattr(fit_scan, "detect", lambda image: None)
    result = run(main, ["fit", "scan", str(tmp_path / "a.obj"), "-o", str(tmp_path)])
    assert result.exit_code == 1 and "no face is seen from the front" in result.output and "+z" in result.output
    with pytest.raises(NoFaceError):
        fit_scan.locate_scan(fit_scan.read_scan(tmp_path / "a.obj"), tmp_path / "a.obj")
    result = run(main, ["fit", "check", "sample:astronaut", "-o", str(tmp_path / "a.png"), "-S", "fit.focal_length=-1"])
    assert result.exit_code == 1 and "focal_length" in result.output


def test_a_photo_is_checked_and_drawn(tmp_path):
    result = CliRunner().invoke(main, ["fit", "check", "sample:astronaut", "-o", str(tmp_path / "over.png")])
    assert result.exit_code == 0, result.output
    assert "inside the face" in result.output and "yaw" in result.output
    assert (tmp_path / "over.png").stat().st_size > 10_000
