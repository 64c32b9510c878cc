"""Landmark-guided Laplacian deformation: the energy, its two solvers, targets, folds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import minimize

from portrait_pipeline.base.errors import LandmarkError
from portrait_pipeline.deform.targets import landmark_targets, shrink_ratio
from portrait_pipeline.deformation.deform import deform, deform_with_report
from portrait_pipeline.deformation.energy import Energy, solve_adam
from portrait_pipeline.deformation.folds import Gaps, Heights, ease_shifts, flipped_triangles
from portrait_pipeline.deformation.follow import follow_landmarks, skull_stiffness
from portrait_pipeline.deformation.intersections import intersecting_pairs
from portrait_pipeline.deformation.order import keep_order
from portrait_pipeline.deformation.params import DeformSettings
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.mesh.geometry import directed_edges
from portrait_pipeline.mesh.laplacian import (
    cotangent_laplacian,
    cotangent_weights,
    graph_laplacian,
    ring_similarities,
    stiffness,
)
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.similarity import fit_similarity

PAPER = DeformSettings(laplacian="uniform", follow="none", skull=0.0)
LAPLACIANS = ("uniform", "cotangent", "similarity")
VIEW = Camera(np.eye(3), 20.0, np.array([300.0, 320.0]))


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
        return ((v[ids] - targets) ** 2).sum() + alpha * ((laplacian @ v - laplacian @ mesh.vertices) ** 2).sum()

    found = deform(mesh, ids, targets, PAPER.model_copy(update={"alpha": alpha}))
    best = minimize(energy, mesh.vertices.ravel(), method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    assert energy(found.ravel()) <= best.fun + 1e-9
    assert np.allclose(found, best.x.reshape(25, 3), atol=1e-3)


def test_unused_vertices_stay_and_repeated_landmarks_share():
    mesh = grid(5)
    more = Mesh(np.vstack([mesh.vertices, [[9.0, 9, 9]]]), mesh.triangles, mesh.uv, mesh.uv_triangles)
    found = deform(more, np.array([0, 24, 24]), np.array([[1.0, 0, 0], [5, 4, 0], [7, 4, 0]]), PAPER)
    assert np.allclose(found[25], [9, 9, 9])
    shared = deform(mesh, np.array([12, 12]), np.array([[3.0, 2, 0], [5, 2, 0]]), PAPER)
    assert np.allclose(shared - mesh.vertices, [2, 0, 0])


def test_adam_agrees_with_the_direct_solve(model, vertices):
    """Stated tolerance at the default weight: 0.1 % of the eye distance on average, 1.5 % at the worst vertex."""
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points))
    mesh, size = model.mesh(vertices), eye_distance(vertices, model)
    direct, adam = (
        deform(mesh, model.landmarks, targets, DeformSettings(laplacian="uniform", follow="axes", skull=0.0, solver=s))
        for s in ("direct", "adam")
    )
    distance = np.linalg.norm(direct - adam, axis=1)
    assert distance.mean() < 0.001 * size and distance.max() < 0.015 * size


def test_adam_at_the_papers_weight():
    mesh = grid(12)
    energy = Energy.of(mesh, mesh.vertices, np.array([0, 40, 77, 143]), PAPER.model_copy(update={"alpha": 10.0}))
    shifts = np.array([[0.0, 0, 1], [1, 0, -1], [0, 1, 0.5], [0, 0, 0]])
    none = np.zeros_like(mesh.vertices)
    assert np.allclose(energy.displacement(shifts, none), energy.by_adam(shifts, none), atol=1e-3)


def test_adam_of_no_shift_is_no_motion():
    laplacian = graph_laplacian(grid(4).triangles, 16)
    matrix = (laplacian.T @ laplacian + sp.eye(16)).tocsc()
    assert not solve_adam(matrix, np.zeros((16, 3)), 1.0, laplacian, 0.0).any()


def test_default_is_close_and_without_folds(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points))
    result = deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformSettings())
    assert result.residual.mean() < 0.005 * eye_distance(vertices, model)
    assert result.flipped == 0 and len(flipped_triangles(vertices, result.vertices, model.triangles)) == 0
    assert result.eased.max() < 0.01 * eye_distance(vertices, model)
    moved = np.linalg.norm(result.vertices[model.landmarks] - vertices[model.landmarks], axis=1)
    assert moved.max() > 0.1 * eye_distance(vertices, model)


def test_the_surface_is_smooth_at_the_landmarks(model, vertices):
    """No spike: a landmark vertex moves like the mean of its neighbours, to a small share of its motion."""
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points))
    shift = deform(model.mesh(vertices), model.landmarks, targets, DeformSettings()) - vertices
    bump = np.linalg.norm((graph_laplacian(model.triangles, len(vertices)) @ shift)[model.landmarks], axis=1)
    assert bump.max() < 0.1 * np.linalg.norm(shift[model.landmarks], axis=1).max()


def test_landmarks_at_home_leave_the_head_alone(model, vertices):
    for follow in ("axes", "similarity", "none"):
        found = deform(model.mesh(vertices), model.landmarks, vertices[model.landmarks], DeformSettings(follow=follow))
        assert np.allclose(found, vertices, atol=1e-8)


@pytest.mark.parametrize("follow", ["axes", "similarity"])
def test_a_larger_face_gives_a_larger_head(model, vertices, follow):
    wanted = 1.3 * vertices + [1.0, -2.0, 0.5]
    found = deform(model.mesh(vertices), model.landmarks, wanted[model.landmarks], DeformSettings(follow=follow))
    assert np.allclose(found, wanted, atol=1e-6)


def test_a_wider_face_gives_a_wider_head_without_shear(model, vertices):
    wanted = vertices * [1.21, 1.0, 1.1]
    found = follow_landmarks(vertices, model.landmarks, wanted[model.landmarks], "axes")
    sizes = np.ptp(found, axis=0) / np.ptp(vertices, axis=0)
    assert sizes[0] > sizes[2] > sizes[1]
    assert np.isclose(sizes[0] / sizes[1], np.sqrt(1.21))  # half of the change of aspect, in logarithms
    assert np.allclose(found - found.mean(axis=0), (vertices - vertices.mean(axis=0)) * sizes)


@pytest.mark.parametrize("laplacian", ["uniform", "cotangent"])
@pytest.mark.parametrize("follow", ["similarity", "none"])
def test_the_result_is_linear_in_the_targets(model, vertices, follow, laplacian):
    home = vertices[model.landmarks]
    shift = 0.3 * np.stack([np.sin(home[:, 1]), np.cos(0.5 * home[:, 0]), 0.2 * home[:, 0]], axis=1)
    mesh, params = model.mesh(vertices), DeformSettings(follow=follow, laplacian=laplacian)
    results = [deform_with_report(mesh, model.landmarks, home + k * shift, params) for k in (0.0, 0.25, 0.5)]
    assert [r.eased.max() for r in results] == [0.0] * 3
    zero, one, two = (r.vertices for r in results)
    assert np.allclose(two - zero, 2.0 * (one - zero), atol=1e-7)


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
        landmark_targets(vertices, model.landmarks, VIEW, points, points + scale * (new - points))
        for scale in (0.0, 1.0, 2.0)
    ]
    assert np.allclose(targets[0], vertices[model.landmarks])
    assert np.allclose(VIEW.project(targets[1])[:, :2], new)
    assert np.allclose(targets[2][:, :2] - targets[0][:, :2], 2 * (targets[1][:, :2] - targets[0][:, :2]))
    heads = [deform(model.mesh(vertices), model.landmarks, t, DeformSettings()) for t in targets]
    assert np.allclose(heads[0], vertices, atol=1e-7)
    assert np.linalg.norm(heads[2] - heads[0]) > 1.7 * np.linalg.norm(heads[1] - heads[0])


def test_depth_follows_the_shrink_ratio_of_the_authors(vertices, model):
    content = VIEW.project(vertices[model.landmarks])[:, :2]
    new = content * [0.9, 1.2] + [13.0, 5.0]
    assert np.isclose(shrink_ratio(content, new), np.sqrt((0.9**2 + 1.2**2) / 2))
    targets = landmark_targets(vertices, model.landmarks, VIEW, content, new)
    assert np.allclose(targets[:, 2], vertices[model.landmarks, 2] * np.sqrt((0.9**2 + 1.2**2) / 2))


def test_a_smaller_weight_of_the_laplacian_leaves_a_smaller_residual(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, caricature(points))
    means = [
        deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformSettings(alpha=a)).residual.mean()
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
    result = deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformSettings())
    assert result.flipped == 0 and len(flipped_triangles(vertices, result.vertices, model.triangles)) == 0
    size = eye_distance(vertices, model)
    assert result.eased.max() > 0.01 * size and np.isfinite(result.vertices).all()
    assert result.eased[[0, 8, 16, 17, 26]].max() < 0.01 * size  # only there
    assert result.residual.mean() < 0.05 * size


@pytest.mark.parametrize("laplacian", LAPLACIANS)
def test_strong_exaggeration_folds_nothing_with_any_laplacian(model, vertices, laplacian):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    wanted = points + 2.5 * (caricature(points) - points)
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, wanted)
    result = deform_with_report(model.mesh(vertices), model.landmarks, targets, DeformSettings(laplacian=laplacian))
    assert result.flipped == 0
    assert result.residual.mean() < 0.03 * eye_distance(vertices, model)


def test_cotangent_weights_of_known_triangles():
    """An equilateral pair: 2 * (1/2) cot 60 degrees inside, half of it outside; a sliver's angles are clamped."""
    h = np.sqrt(3) / 2
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [0.5, h, 0], [0.5, -h, 0]])
    weights = cotangent_weights(vertices, np.array([[0, 1, 2], [1, 0, 3]])).toarray()
    assert np.isclose(weights[0, 1], 1 / np.sqrt(3)) and np.isclose(weights[0, 2], 0.5 / np.sqrt(3))
    assert np.allclose(weights, weights.T)
    flat = cotangent_weights(np.array([[0.0, 0, 0], [1, 0, 0], [0.5, 1e-6, 0]]), np.array([[0, 1, 2]])).toarray()
    assert flat[0, 1] == 0.05 and flat[0, 2] == 5.0


def test_cotangent_laplacian_of_a_plane_sees_no_linear_function_and_the_same_curvature_on_any_grid():
    def energy(n):
        mesh = grid(n)
        points = mesh.vertices / (n - 1)
        inner = np.flatnonzero((np.abs(points[:, :2] - 0.5) < 0.4).all(axis=1))
        laplacian = cotangent_laplacian(points, mesh.triangles) * (n - 1)  # without the factor of the edge length
        assert np.abs((laplacian @ points)[inner]).max() < 1e-9
        return ((laplacian @ (points**2)[:, 0])[inner] ** 2).sum() / len(inner) * (n - 1) ** 2

    assert np.isclose(energy(21), energy(41), rtol=0.02)


def test_stiffness_is_the_sum_over_edges():
    mesh, rng = grid(5), np.random.default_rng(1)
    weights = cotangent_weights(mesh.vertices + rng.normal(0, 0.1, mesh.vertices.shape), mesh.triangles)
    u, dense = rng.normal(size=25), weights.toarray()
    expected = 0.5 * sum(dense[i, j] * (u[i] - u[j]) ** 2 for i in range(25) for j in range(25))
    assert np.isclose(u @ stiffness(weights) @ u, expected)


def test_ring_similarities_recover_a_known_one(model, vertices):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    after = 1.7 * vertices @ turn.T + [1.0, 2, 3]
    scale, rotation = ring_similarities(vertices, after, directed_edges(model.triangles))
    assert np.allclose(scale, 1.7) and np.abs(rotation - turn).max() < 1e-6


def test_similarity_turns_and_scales_detail_with_its_surroundings(model, vertices):
    """Landmarks turned by 20 degrees and enlarged: the face keeps its detail better than with fixed differentials."""
    angle = np.radians(20.0)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    wanted = 1.2 * vertices @ turn.T
    face = model.regions == model.REGIONS.index("face")
    errors = []
    for laplacian in ("cotangent", "similarity"):
        params = DeformSettings(laplacian=laplacian, follow="none", skull=0.0)
        found = deform(model.mesh(vertices), model.landmarks, wanted[model.landmarks], params)
        errors.append(np.linalg.norm((found - wanted)[face], axis=1).mean())
    assert errors[1] < 0.5 * errors[0]


def test_skull_keeps_ears_and_back_and_leaves_the_face_alone(model, vertices):
    matrix = skull_stiffness(vertices, model.triangles, model.landmarks)
    rng = np.random.default_rng(4)
    assert np.abs(matrix @ np.ones(len(vertices))).max() < 1e-9
    in_front = vertices[:, 2] > 0
    assert abs(matrix[in_front][:, in_front]).sum() == 0 and matrix[~in_front].nnz > 0
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    long_face = points * [0.9, 1.2] + rng.normal(0, 0.5, (68, 2))
    targets = landmark_targets(vertices, model.landmarks, VIEW, points, long_face)
    ear = (model.regions == model.REGIONS.index("ear")) & (vertices[:, 0] > 0)
    loose, firm = (
        deform(model.mesh(vertices), model.landmarks, targets, DeformSettings(skull=skull)) for skull in (0.0, 0.03)
    )
    unlike = [
        np.linalg.norm(fit_similarity(vertices[ear], after[ear]).apply(vertices[ear]) - after[ear])
        for after in (firm, loose)
    ]
    assert unlike[0] < 0.5 * unlike[1]


def test_crossing_triangles_against_a_brute_force_search():
    rng = np.random.default_rng(5)
    vertices = rng.normal(size=(60, 3))
    triangles = rng.integers(0, 60, (40, 3))
    triangles = triangles[(np.diff(np.sort(triangles, axis=1), axis=1) > 0).all(axis=1)]

    def pierces(p, q, corners):
        system = np.column_stack([corners[1] - corners[0], corners[2] - corners[0], p - q])
        u, v, share = np.linalg.solve(system, p - corners[0])
        return u > 0 and v > 0 and u + v < 1 and 0 < share < 1

    expected = []
    for i, one in enumerate(triangles):
        for j in range(i + 1, len(triangles)):
            both = ((one, triangles[j]), (triangles[j], one))
            sides = [(s[k], s[k - 1], t) for s, t in both for k in range(3)]
            free = [(a, b, t) for a, b, t in sides if a not in t and b not in t]
            if any(pierces(vertices[a], vertices[b], vertices[t]) for a, b, t in free):
                expected.append([i, j])
    assert len(expected) > 20 and intersecting_pairs(vertices, triangles).tolist() == expected


def test_a_head_does_not_cross_itself(model, vertices):
    assert len(intersecting_pairs(vertices, model.triangles)) == 0


def test_easing_undoes_a_fold_and_keeps_what_is_far_from_it():
    """One of three handles of a patch is pushed over its neighbour: it stops before, the distant third arrives."""
    mesh = grid(15)
    ids = np.array([16 * 7 - 3, 16 * 7 - 2, 14])
    energy = Energy.of(mesh, mesh.vertices, ids, PAPER)
    wanted = np.array([[2.0, 0, 0], [0, 0, 0], [0, 0, 1.0]])
    assert len(flipped_triangles(mesh.vertices, mesh.vertices + energy.spread @ wanted, mesh.triangles)) > 0
    heights = Heights.of(mesh.vertices, mesh.triangles)
    shifts, found = ease_shifts(mesh.vertices, energy.spread, wanted, np.zeros_like(wanted), heights)
    assert len(flipped_triangles(mesh.vertices, found, mesh.triangles)) == 0
    assert np.abs(shifts - wanted)[2].max() < 0.1 < np.abs(shifts - wanted)[0].max()
    assert 0.1 < shifts[0, 0]


def test_heights_and_gaps_against_finite_differences(model, vertices):
    rng = np.random.default_rng(6)
    pairs = rng.integers(0, len(model.triangles), (30, 2))
    move = rng.normal(0, 0.01, vertices.shape)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    gaps = Gaps.of(vertices, model.triangles, pairs, np.ones(len(pairs)))
    for limit in (Heights.of(vertices, model.triangles), gaps):
        assert (limit.of_vertices(vertices) > 0).all()
        slope = (limit.gradient(vertices) * move[limit.triangles]).sum(axis=(1, 2))
        step = 1e-4
        numeric = (limit.of_vertices(vertices + step * move) - limit.of_vertices(vertices - step * move)) / (2 * step)
        assert np.allclose(slope, numeric, atol=1e-8)


@pytest.mark.parametrize("spoil", [lambda t: t[:60], lambda t: t[:, :2], lambda t: t * np.nan])
def test_bad_targets_are_refused_in_one_line(model, vertices, spoil):
    with pytest.raises(LandmarkError) as caught:
        deform(model.mesh(vertices), model.landmarks, spoil(vertices[model.landmarks]), DeformSettings())
    assert "expected" in str(caught.value) and "\n" not in str(caught.value)


def test_bad_landmarks_are_refused_in_one_line(model, vertices):
    points = VIEW.project(vertices[model.landmarks])[:, :2]
    for content, new in ((points[:60], points), (points, points * np.nan), (np.zeros((68, 2)), points)):
        with pytest.raises(LandmarkError) as caught:
            landmark_targets(vertices, model.landmarks, VIEW, content, new)
        assert "\n" not in str(caught.value)


def test_laplacian_is_sparse_and_square():
    laplacian = graph_laplacian(grid(4).triangles, 16)
    assert sp.issparse(laplacian) and laplacian.shape == (16, 16)
