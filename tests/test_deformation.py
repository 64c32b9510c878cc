"""Landmark-guided Laplacian deformation: the energy, its two solvers, targets, folds."""

from __future__ import annotations

import time

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize

from portrait_pipeline.deformation import (
    deform,
    deform_with_report,
    flipped_triangles,
    graph_laplacian,
    landmark_targets,
    shrink_ratio,
)
from portrait_pipeline.deformation.deform import follow_landmarks
from portrait_pipeline.deformation.order import keep_order
from portrait_pipeline.deformation.solve import DirectSolver, solve_adam, solve_direct
from portrait_pipeline.errors import LandmarkError
from portrait_pipeline.face_model import Camera, load_bundled_model
from portrait_pipeline.mesh import Mesh
from portrait_pipeline.params import DeformParams

PAPER = DeformParams(follow="none")
VIEW = Camera(np.eye(3), 20.0, np.array([300.0, 320.0]))


@pytest.fixture(scope="module")
def model():
    return load_bundled_model()


@pytest.fixture(scope="module")
def vertices(model):
    return model.mean.astype(float)


def eye_distance(vertices, model):
    return np.linalg.norm(vertices[model.landmarks[36]] - vertices[model.landmarks[45]])


def caricature(points):
    """Landmarks (68, 2) y down with a broad jaw, big eyes that are further apart, a long nose and a low mouth."""
    new = points.copy()
    size = np.linalg.norm(points[36] - points[45])
    middle = points[36:48].mean(axis=0)
    for eye, side in ((slice(36, 42), -1), (slice(42, 48), 1)):
        centre = points[eye].mean(axis=0)
        new[eye] = centre + 1.3 * (points[eye] - centre) + [0.05 * side * size, 0.0]
    new[28:36, 1] += 0.08 * size
    new[48:, 1] += 0.08 * size
    new[4:13, 0] = middle[0] + 1.12 * (points[4:13, 0] - middle[0])
    new[6:11, 1] += 0.1 * size
    return new


def grid(n=9):
    """A flat n x n patch of unit-spaced vertices, facing +z."""
    x, y = np.meshgrid(np.arange(n), np.arange(n))
    ids = np.arange(n * n).reshape(n, n)
    a, b, c, d = ids[:-1, :-1].ravel(), ids[:-1, 1:].ravel(), ids[1:, 1:].ravel(), ids[1:, :-1].ravel()
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    points = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(float)
    return Mesh(points, triangles, points[:, :2] / (n - 1), triangles)


def test_laplacian_against_a_loop(model):
    rng = np.random.default_rng(0)
    triangles = np.unique(np.sort(rng.integers(0, 12, (30, 3)), axis=1), axis=0)
    triangles = triangles[(np.diff(triangles, axis=1) > 0).all(axis=1)]
    values = rng.normal(size=(14, 3))  # vertices 12 and 13 belong to no triangle
    neighbours = [set() for _ in range(14)]
    for a, b, c in triangles:
        for i, j in ((a, b), (b, c), (c, a)):
            neighbours[i].add(j)
            neighbours[j].add(i)
    expected = np.array(
        [
            values[i] - np.mean([values[j] for j in neighbours[i]], axis=0) if neighbours[i] else np.zeros(3)
            for i in range(14)
        ]
    )
    assert np.allclose(graph_laplacian(triangles, 14) @ values, expected)
    # A constant has no Laplacian, on the real head too.
    assert np.abs(graph_laplacian(model.triangles, len(model.mean)) @ np.ones(len(model.mean))).max() < 1e-12


def test_direct_solve_minimises_the_energy_as_written():
    """Against a general minimiser on the energy of eqs. 8-10, spelled out."""
    mesh, alpha = grid(5), 0.7
    ids, targets = np.array([0, 12, 24]), np.array([[0.0, 0, 1], [2, 2, -1], [5, 5, 0]])
    laplacian = graph_laplacian(mesh.triangles, 25).toarray()

    def energy(flat):
        v = flat.reshape(25, 3)
        return ((v[ids] - targets) ** 2).sum() + alpha * (
            (laplacian @ v - laplacian @ mesh.vertices) ** 2
        ).sum()

    found = deform(mesh, ids, targets, DeformParams(alpha=alpha, follow="none"))
    best = minimize(energy, mesh.vertices.ravel(), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    assert energy(found.ravel()) <= best.fun + 1e-9
    assert np.allclose(found, best.x.reshape(25, 3), atol=1e-3)


def test_unused_vertices_stay_and_repeated_landmarks_share():
    mesh = grid(5)
    more = Mesh(np.vstack([mesh.vertices, [[9.0, 9, 9]]]), mesh.triangles, mesh.uv, mesh.uv_triangles)
    found = deform(more, np.array([0, 24, 24]), np.array([[1.0, 0, 0], [5, 4, 0], [7, 4, 0]]), PAPER)
    assert np.allclose(found[25], [9, 9, 9])
    shift = solve_direct(
        graph_laplacian(mesh.triangles, 25),
        np.array([12, 12]),
        np.array([[1.0, 0, 0], [3, 0, 0]]),
        1.0,
        np.ones(2),
    )
    assert np.allclose(shift, [2, 0, 0])


def test_adam_agrees_with_the_direct_solve(model, vertices):
    """Stated tolerance at the default weight: 0.1 % of the eye distance on average, 1.5 % at the worst vertex."""
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points), 1.0)
    mesh, size = model.mesh(vertices), eye_distance(vertices, model)
    direct, adam = (
        deform(mesh, model.landmarks, targets, DeformParams(solver=s)) for s in ("direct", "adam")
    )
    distance = np.linalg.norm(direct - adam, axis=1)
    assert distance.mean() < 0.001 * size and distance.max() < 0.015 * size


def test_adam_at_the_papers_weight():
    mesh = grid(12)
    arguments = (
        graph_laplacian(mesh.triangles, 144),
        np.array([0, 40, 77, 143]),
        np.array([[0.0, 0, 1], [1, 0, -1], [0, 1, 0.5], [0, 0, 0]]),
        10.0,
        np.ones(4),
    )
    assert np.allclose(solve_direct(*arguments), solve_adam(*arguments), atol=1e-3)


def test_adam_of_no_shift_is_no_motion():
    mesh = grid(4)
    laplacian = graph_laplacian(mesh.triangles, 16)
    assert not solve_adam(laplacian, np.array([0, 5]), np.zeros((2, 3)), 1.0, np.ones(2)).any()


def test_default_is_close_fast_and_without_folds(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points), 1.0)
    start = time.process_time()
    result = deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformParams())
    seconds = time.process_time() - start
    assert result.residual.mean() < 0.005 * eye_distance(vertices, model)
    assert result.flipped == 0 and len(flipped_triangles(vertices, result.vertices, model.triangles)) == 0
    assert np.array_equal(result.weights, np.ones(68)) and result.share == 1.0
    assert seconds < 2.0  # 0.2 s on one core
    moved = np.linalg.norm(result.vertices[model.landmarks] - vertices[model.landmarks], axis=1)
    assert moved.max() > 0.1 * eye_distance(vertices, model)


def test_the_surface_is_smooth_at_the_landmarks(model, vertices):
    """No spike: a landmark vertex moves like the mean of its neighbours, to a small share of its motion."""
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points), 1.0)
    shift = deform(model.mesh(vertices), model.landmarks, targets, DeformParams()) - vertices
    bump = np.linalg.norm((graph_laplacian(model.triangles, len(vertices)) @ shift)[model.landmarks], axis=1)
    assert bump.max() < 0.1 * np.linalg.norm(shift[model.landmarks], axis=1).max()


def test_landmarks_at_home_leave_the_head_alone(model, vertices):
    for follow in ("axes", "similarity", "none"):
        found = deform(
            model.mesh(vertices), model.landmarks, vertices[model.landmarks], DeformParams(follow=follow)
        )
        assert np.allclose(found, vertices, atol=1e-8)


@pytest.mark.parametrize("follow", ["axes", "similarity"])
def test_a_larger_face_gives_a_larger_head(model, vertices, follow):
    wanted = 1.3 * vertices + [1.0, -2.0, 0.5]
    found = deform(
        model.mesh(vertices), model.landmarks, wanted[model.landmarks], DeformParams(follow=follow)
    )
    assert np.allclose(found, wanted, atol=1e-6)


def test_a_wider_face_gives_a_wider_head_without_shear(model, vertices):
    wanted = vertices * [1.21, 1.0, 1.1]
    found = follow_landmarks(vertices, model.landmarks, wanted[model.landmarks], "axes")
    sizes = np.ptp(found, axis=0) / np.ptp(vertices, axis=0)
    assert sizes[0] > sizes[2] > sizes[1]
    assert np.isclose(sizes[0] / sizes[1], np.sqrt(1.21))  # half of the change of aspect, in logarithms
    assert np.allclose(found - found.mean(axis=0), (vertices - vertices.mean(axis=0)) * sizes)


@pytest.mark.parametrize("follow", ["similarity", "none"])
def test_the_result_is_linear_in_the_targets(model, vertices, follow):
    home = vertices[model.landmarks]
    shift = 0.3 * np.stack([np.sin(home[:, 1]), np.cos(0.5 * home[:, 0]), 0.2 * home[:, 0]], axis=1)
    mesh, params = model.mesh(vertices), DeformParams(follow=follow)
    results = [deform_with_report(mesh, model.landmarks, home + k * shift, params) for k in (0, 1, 2)]
    assert [(r.weights.min(), r.share) for r in results] == [(1.0, 1.0)] * 3
    zero, one, two = (r.vertices for r in results)
    assert np.allclose(two - zero, 2.0 * (one - zero), atol=1e-7)


def test_other_weights_by_the_small_system_are_the_full_solve(model, vertices):
    rng = np.random.default_rng(2)
    laplacian, shift = graph_laplacian(model.triangles, len(vertices)), rng.normal(size=(68, 3))
    weights = rng.uniform(0.01, 1.0, 68)
    quick = DirectSolver(laplacian, model.landmarks, 1.0).displacement(shift, weights)
    assert np.allclose(quick, solve_direct(laplacian, model.landmarks, shift, 1.0, weights), atol=1e-6)


def test_order_of_neighbours_is_kept(vertices, model):
    rest = vertices[model.landmarks]
    assert np.array_equal(keep_order(rest, rest), rest)
    crossed = rest.copy()
    crossed[[62, 66]] = crossed[[66, 62]] - [[0.0, 0.5, 0.0], [0.0, -0.5, 0.0]]
    mended = keep_order(rest, crossed)
    assert mended[62, 1] - mended[66, 1] > 0.25 * (rest[62, 1] - rest[66, 1])
    assert np.allclose(mended[[0, 16, 27, 36]], rest[[0, 16, 27, 36]])


def test_scale_zero_one_two(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    new = caricature(points)
    targets = [
        landmark_targets(vertices, model.landmarks, VIEW, points, new, scale) for scale in (0.0, 1.0, 2.0)
    ]
    assert np.allclose(targets[0], vertices[model.landmarks])
    assert np.allclose(VIEW.project(targets[1])[:, :2], new)
    assert np.allclose(targets[2][:, :2] - targets[0][:, :2], 2 * (targets[1][:, :2] - targets[0][:, :2]))
    heads = [deform(model.mesh(vertices), model.landmarks, t, DeformParams()) for t in targets]
    assert np.allclose(heads[0], vertices, atol=1e-7)
    assert np.linalg.norm(heads[2] - heads[0]) > 1.7 * np.linalg.norm(heads[1] - heads[0])


def test_depth_follows_the_shrink_ratio_of_the_authors(vertices, model):
    content = VIEW.project(vertices[model.landmarks])[:, :2]
    new = content * [0.9, 1.2] + [13.0, 5.0]
    assert np.isclose(shrink_ratio(content, new), np.sqrt((0.9**2 + 1.2**2) / 2))
    targets = landmark_targets(vertices, model.landmarks, VIEW, content, new, 1.0)
    assert np.allclose(targets[:, 2], vertices[model.landmarks, 2] * np.sqrt((0.9**2 + 1.2**2) / 2))


def test_a_smaller_weight_of_the_laplacian_leaves_a_smaller_residual(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points), 1.0)
    means = [
        deform_with_report(
            model.mesh(vertices), model.landmarks, targets, DeformParams(alpha=a)
        ).residual.mean()
        for a in (10.0, 1.0, 0.1)
    ]
    assert means[0] > means[1] > means[2]


def test_flipped_triangles_are_counted():
    mesh = grid(4)
    turned = mesh.vertices.copy()
    turned[5] = [2.6, 1.0, 0.0]  # past its neighbour
    found = flipped_triangles(mesh.vertices, turned, mesh.triangles)
    expected = [
        f
        for f, (a, b, c) in enumerate(mesh.triangles)
        if np.linalg.det(np.column_stack([turned[[a, b, c], :2], np.ones(3)])) <= 0
    ]
    assert len(expected) > 0 and sorted(found) == expected
    assert len(flipped_triangles(mesh.vertices, 2 * mesh.vertices, mesh.triangles)) == 0


def test_targets_that_would_fold_the_face_are_eased_and_reported(model, vertices):
    targets = vertices[model.landmarks].copy()
    upper, lower = [37, 38, 43, 44, 61, 62, 63], [41, 40, 47, 46, 67, 66, 65]
    targets[upper, 1] -= 0.7  # lids and lips cross
    targets[lower, 1] += 0.7
    result = deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformParams())
    assert result.flipped == 0 and len(flipped_triangles(vertices, result.vertices, model.triangles)) == 0
    eased = np.flatnonzero(result.weights < 1)
    assert len(eased) > 0 and np.isfinite(result.vertices).all()
    assert np.all(result.weights[[0, 8, 16, 17, 26]] == 1.0)  # only there


@pytest.mark.parametrize("spoil", [lambda t: t[:60], lambda t: t[:, :2], lambda t: t * np.nan])
def test_bad_targets_are_refused_in_one_line(model, vertices, spoil):
    with pytest.raises(LandmarkError) as caught:
        deform(model.mesh(vertices), model.landmarks, spoil(vertices[model.landmarks]), DeformParams())
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)


def test_bad_landmarks_are_refused_in_one_line(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    for content, new in ((points[:60], points), (points, points * np.nan), (np.zeros((68, 2)), points)):
        with pytest.raises(LandmarkError) as caught:
            landmark_targets(vertices, model.landmarks, VIEW, content, new, 1.0)
        assert "\n" not in str(caught.value)


def test_laplacian_is_sparse_and_square():
    laplacian = graph_laplacian(grid(4).triangles, 16)
    assert sp.issparse(laplacian) and laplacian.shape == (16, 16)
