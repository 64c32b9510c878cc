"""Non-rigid registration of the bundled head to another head, so that landmarks and bases can be carried over.

Three steps, coarse to fine: a similarity by iterated closest points from many starts (no knowledge of scale and place
is needed, only that y is about up and z about forward); the morphable model's identity, fitted to the surface, which
puts eyes, nose and mouth where they belong; and a smooth displacement whose stiffness is lowered step by step (as in
Amberg et al., Optimal step nonrigid ICP, CVPR 2007, with a Laplacian instead of local affine maps). Where the other
head has no surface (scalp, neck, holes) the displacement continues smoothly and fades out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..base.errors import ModelError
from ..head.model import FaceModel
from ..head.pose import rotation_from_vector, skew
from ..mesh.closest import SurfacePoints, TriangleSearch
from ..mesh.geometry import triangle_normals, unit, vertex_areas, vertex_normals
from ..mesh.laplacian import adjacency, factorise, graph_laplacian, stiffness
from ..mesh.rays import RayScene, sphere_points
from ..mesh.similarity import Similarity, fit_similarity

SAMPLES = 800  # points used by the search for the similarity
SCALES = (0.45, 0.6, 0.75, 0.9, 1.0, 1.15, 1.4, 1.8, 2.3)  # starts, relative to equal widths of both heads
PITCHES = (-20.0, 0.0, 20.0)  # degrees, starts
# A head is recognised if the model comes this near to it on average, over this part of the face, before anything is
# bent. Measured: 0.06 to 0.07 cm on a scan, another model and a caricature; 0.12 and more on a ball and on heads upside
# down or from behind.
NEAR, PART = 0.1, 0.6
# Reach and noise in cm, and rounds, of the fit of the model.
MODEL_STEPS = ((2.5, 1.0, 2), (2.0, 0.6, 2), (1.5, 0.4, 2), (1.0, 0.3, 2), (0.8, 0.2, 3), (0.6, 0.1, 5))
MODEL_POINTS = 1500  # vertices used by the fit of the model
EFFECTIVE_POINTS = 400.0  # independent measurements in a surface: neighbouring vertices err alike
STIFFNESS = (100.0, 20.0, 5.0, 1.0, 1.0, 0.3, 0.3)
TENSION = 0.03  # of the displacement's slope against its bending: keeps what is continued from swinging out
FADE = 1e-4  # pull of the displacement towards 0 where nothing else holds it
ALIGNED = 0.5  # cosine between normals that may correspond
ANCHOR_WEIGHT = 30.0


@dataclass(frozen=True)
class Registration:
    """The bundled head laid onto another one.

    Attributes:
        similarity: from the other head's space to that of ``vertices`` (the bundled model's head space).
        vertices: (V, 3) the bundled topology on the other head, cm.
        points: (V,) nearest points on the other head's outer surface.
        distance: (V,) cm, from ``vertices`` to ``points``.
        covered: (V,) bool, where the other head has the surface that belongs there.
        residual: cm, mean distance over the covered part of the face.
    """

    similarity: Similarity
    vertices: np.ndarray
    points: SurfacePoints
    distance: np.ndarray
    covered: np.ndarray
    residual: float


@dataclass(frozen=True)
class Anchors:
    """Known correspondences: ``ids`` (A,) vertices of the bundled head lie at ``places`` (A, 3) of the other."""

    ids: np.ndarray
    places: np.ndarray


def register(
    model: FaceModel, vertices: np.ndarray, triangles: np.ndarray, anchors: Anchors | None = None
) -> Registration:
    """Lay the bundled head onto another one.

    Args:
        model: the bundled model.
        vertices: (N, 3) the other head, any unit and place; y about up, z about forward (within 30 degrees).
        triangles: (F, 3) of its outer skin (:func:`outer_triangles`).
        anchors: known correspondences, in the other head's space.

    Raises:
        ModelError: the surface is not recognised as a head.
    """
    start = find_similarity(model, vertices, triangles, anchors)
    target = TriangleSearch(start.apply(vertices), triangles)
    known = None if anchors is None else replace(anchors, places=start.apply(anchors.places))
    shape, pose = fit_model(model, target, known)
    similarity = pose.inverse().after(start)
    target = TriangleSearch(similarity.apply(vertices), triangles)
    _check_recognised(model, shape, target)
    known = None if anchors is None else replace(anchors, places=similarity.apply(anchors.places))
    moved = deform(model, shape, target, known)
    points, distance, _ = target.nearest(moved)
    trusted = match(model, moved, target, 0.4, np.arange(len(moved)))[1] > 0
    residual = float(distance[trusted & (model.regions == 0)].mean())
    return Registration(similarity, moved, points, distance, trusted, residual)


def _check_recognised(model: FaceModel, shape: np.ndarray, target: TriangleSearch) -> None:
    """Raises:
    ModelError: the model's face (vertices (V, 3) of its fit) does not lie on the target.
    """
    face = np.flatnonzero(model.regions == 0)
    found, weights, _ = match(model, shape, target, 1.0, face)
    good = weights > 0
    share = float(good.mean())
    distance = float(np.linalg.norm(found - shape[face], axis=1)[good].mean()) if good.any() else np.inf
    if share < PART or distance > NEAR:
        raise ModelError(
            f"the mesh is not recognised as a head ({100 * share:.0f} % of a face found, {10 * distance:.1f} mm off; "
            f"expected {100 * PART:.0f} or more, at most {10 * NEAR:.1f}): it must stand upright (+y up) and look "
            "along +z; turn it, or give --landmarks"
        )


def outer_triangles(vertices: np.ndarray, triangles: np.ndarray, skin: np.ndarray | None = None) -> np.ndarray:
    """(F', 3) the triangles of the outer skin: eyeballs, teeth, sockets and other hidden parts left out.

    Args:
        skin: (V,) bool, the vertices to choose from; all if None.
    """
    if skin is not None:
        triangles = triangles[skin[triangles].all(axis=1)]
    parts = connected_components(adjacency(triangles, len(vertices)), directed=False)[1][triangles[:, 0]]
    triangles = triangles[parts == np.bincount(parts).argmax()]
    return triangles[visible_triangles(vertices, triangles)]


def visible_triangles(vertices: np.ndarray, triangles: np.ndarray, directions: int = 64) -> np.ndarray:
    """(F,) bool: triangles whose centre is seen, from outside, from one of ``directions`` sides at least."""
    normals = unit(triangle_normals(vertices, triangles))
    size = float(np.ptp(vertices[np.unique(triangles)], axis=0).max())
    centres = vertices[triangles].mean(axis=1)
    scene = RayScene(vertices, triangles)
    seen = np.zeros(len(triangles), bool)
    for direction in sphere_points(directions):
        facing = np.flatnonzero(~seen & (normals @ direction > 0.1))
        seen[facing[scene.first_hits(centres[facing] + 1e-4 * size * normals[facing], direction) < 0]] = True
    # Single unseen triangles (a nostril's rim, a fold) between seen ones belong to the skin.
    inside = np.zeros(len(vertices), bool)
    inside[triangles[seen]] = True
    return inside[triangles].all(axis=1)


def find_similarity(
    model: FaceModel, vertices: np.ndarray, triangles: np.ndarray, anchors: Anchors | None = None
) -> Similarity:
    """The similarity from a head of unknown unit, place and small turn to the bundled model's head space.

    Closest points in both directions (the face must be covered, and what there is must lie on the head), from
    several scales and pitches; the start with the smallest capped distance wins. Four or more anchors decide alone.
    """
    if anchors is not None and len(anchors.ids) >= 4:
        return fit_similarity(anchors.places, model.mean[anchors.ids].astype(float))
    pair = _clouds(model, vertices, triangles)
    used = vertices[np.unique(triangles)]
    nose = nose_tip(used)
    wide = float(np.ptp(used[:, 0]))
    place = nose_tip(model.mean.astype(float))
    results = []
    for pitch in PITCHES:
        rotation = rotation_from_vector(np.array([np.radians(pitch), 0.0, 0.0]))
        for factor in SCALES:
            scale = factor * float(np.ptp(model.mean[:, 0])) / max(wide, 1e-300)
            results.append(_closest_points(pair, Similarity(scale, rotation, place - scale * rotation @ nose), 8))
    best = min(results, key=lambda result: result[0])[1]
    return _closest_points(pair, best, 30)[1]


def nose_tip(vertices: np.ndarray) -> np.ndarray:
    """(3,) the foremost (largest z) of the points (N, 3) in the middle third of the width."""
    low, high = vertices[:, 0].min(), vertices[:, 0].max()
    middle = vertices[np.abs(vertices[:, 0] - (low + high) / 2) <= (high - low) / 6]
    return (middle if len(middle) else vertices)[(middle if len(middle) else vertices)[:, 2].argmax()]


@dataclass(frozen=True)
class _Clouds:
    """Two heads as points with normals and search trees; ``face``: the bundled head's points to be covered."""

    head: np.ndarray
    head_normals: np.ndarray
    head_tree: cKDTree
    face: np.ndarray
    other: np.ndarray
    other_normals: np.ndarray
    other_tree: cKDTree
    sample: np.ndarray


def _clouds(model: FaceModel, vertices: np.ndarray, triangles: np.ndarray) -> _Clouds:
    rng = np.random.default_rng(0)
    head = model.mean.astype(float)
    skin = np.flatnonzero(~np.isin(model.regions, PATCHES))
    used = np.unique(triangles)
    other = vertices[used].astype(float)
    areas = vertex_areas(vertices, triangles)[used] + 1e-300
    face = rng.permutation(np.flatnonzero(model.regions == 0))[:SAMPLES]
    return _Clouds(
        head[skin],
        vertex_normals(head, model.triangles)[skin],
        cKDTree(head[skin]),
        np.searchsorted(skin, face),
        other,
        vertex_normals(vertices, triangles)[used],
        cKDTree(other),
        rng.choice(len(used), min(SAMPLES, len(used)), replace=False, p=areas / areas.sum()),
    )


def _closest_points(pair: _Clouds, similarity: Similarity, rounds: int) -> tuple[float, Similarity]:
    """Iterated closest points in both directions: ``(capped mean distance in cm, similarity)``."""
    cost = np.inf
    for turn in range(rounds + 1):
        reach = np.interp(turn, [0, rounds], [4.0, 1.5])
        back = similarity.inverse()
        gone, first = pair.head_tree.query(similarity.apply(pair.other[pair.sample]))
        come, second = pair.other_tree.query(back.apply(pair.head[pair.face]))
        come = come * similarity.scale
        source = np.concatenate([pair.other[pair.sample], pair.other[second]])
        target = np.concatenate([pair.head[first], pair.head[pair.face]])
        normals = np.concatenate([pair.other_normals[pair.sample], pair.other_normals[second]]) @ similarity.rotation.T
        facing = (normals * np.concatenate([pair.head_normals[first], pair.head_normals[pair.face]])).sum(axis=1)
        distance = np.concatenate([gone, come])
        bad = (facing < 0.3) | (distance > reach)
        capped = np.where(bad, 3.0, np.minimum(distance, 3.0))
        cost = float(capped[: len(gone)].mean() + 2.0 * capped[len(gone) :].mean())
        if turn == rounds or (~bad).sum() < 50:
            break
        similarity = fit_similarity(source, target, np.where(bad, 0.02, 1.0) / (1.0 + distance))
    return cost, similarity


PATCHES = (1, 2, 3)  # regions of the bundled head that close eyes and mouth: other heads have something else there
REGION_WEIGHTS = np.array([1.0, 0.0, 0.0, 0.0, 0.3, 0.5, 0.2])  # face, patches, ear, scalp, neck


def match(
    model: FaceModel, places: np.ndarray, target: TriangleSearch, reach: float, ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What vertices of the bundled head, lying at ``places`` (V, 3), find on the other head within ``reach`` cm.

    Args:
        ids: (N,) the vertices in question.

    Returns:
        the nearest points (N, 3); weights (N,), 0 where there is no counterpart (too far, turned away, or beyond an
        edge of the surface); the target's normals there (N, 3).
    """
    points, distance, triangles = target.nearest(places[ids])
    found = points.of(target.vertices)
    normals = target.normals[triangles]
    own = vertex_normals(places, model.triangles)[ids]
    # The nearest point of a vertex beyond the border is on the border; close by it may be the lid's edge.
    beyond = (target.rim[points.ids] | (points.weights < 1e-9)).all(axis=1) & (distance > 0.1)
    good = (distance < reach) & ((own * normals).sum(axis=1) > ALIGNED) & ~beyond
    robust = (reach**2 / (reach**2 + 4.0 * distance**2)) ** 2
    return found, good * REGION_WEIGHTS[model.regions[ids]] * robust, normals


def fit_model(model: FaceModel, target: TriangleSearch, anchors: Anchors | None) -> tuple[np.ndarray, Similarity]:
    """Identity and pose of the bundled model whose surface lies on ``target``.

    Gauss-Newton on distances along the target's normals (and a little across), with the model's prior. Expressions do
    not take part: on heads at rest they were used to part the lips, and did not close the lids of a sleeping one.

    Returns:
        vertices (V, 3) in the bundled model's frame; the similarity that lays them onto the target.
    """
    size = len(model.identity_basis)
    coefficients, pose = np.zeros(size), Similarity(1.0, np.eye(3), np.zeros(3))
    prior = np.r_[np.full(7, 1e-9), np.ones(size)]
    ids = _model_vertices(model, anchors)
    for reach, noise, rounds in MODEL_STEPS:
        for _ in range(rounds):
            placed = pose.apply(_person(model, coefficients))
            found, weights, normals = match(model, placed, target, reach, ids)
            if anchors is not None:
                last = slice(len(ids) - len(anchors.ids), None)
                found[last], weights[last], normals[last] = anchors.places, ANCHOR_WEIGHT, 0.0
            keep = weights > 0
            jacobian = _jacobian(pose, placed[ids[keep]], model.identity_basis[:, ids[keep]])
            step = _model_step(
                jacobian,
                placed[ids[keep]] - found[keep],
                weights[keep],
                normals[keep],
                noise,
                prior,
                np.r_[np.zeros(7), coefficients],
            )
            coefficients += step[7:]
            pose = Similarity(float(np.exp(step[6])), rotation_from_vector(step[:3]), step[3:6]).after(pose)
    return _person(model, coefficients), pose


def _person(model: FaceModel, coefficients: np.ndarray) -> np.ndarray:
    """(V, 3) neutral head; in single precision, because it is asked for in every round."""
    flat = model.identity_basis.reshape(len(coefficients), -1)
    return (model.mean.reshape(-1) + coefficients.astype(np.float32) @ flat).reshape(-1, 3).astype(float)


def _model_vertices(model: FaceModel, anchors: Anchors | None) -> np.ndarray:
    """(N,) a spread of the vertices whose region counts; the anchors' come last."""
    ids = np.random.default_rng(1).permutation(np.flatnonzero(REGION_WEIGHTS[model.regions] > 0))[:MODEL_POINTS]
    return ids if anchors is None else np.concatenate([np.setdiff1d(ids, anchors.ids), anchors.ids])


def _jacobian(pose: Similarity, placed: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """(N, 3, 7 + K) change of places (N, 3): rotation vector, translation, log scale, coefficients of (K, N, 3)."""
    result = np.zeros((len(placed), 3, 7 + len(basis)))
    result[:, :, :3] = -skew(placed)
    result[:, :, 3:6] = np.eye(3)
    result[:, :, 6] = placed
    result[:, :, 7:] = np.einsum("ab,kib->iak", pose.scale * pose.rotation, basis.astype(float), optimize=True)
    return result


def _model_step(
    jacobian: np.ndarray,
    gap: np.ndarray,
    weights: np.ndarray,
    normals: np.ndarray,
    noise: float,
    prior: np.ndarray,
    values: np.ndarray,
) -> np.ndarray:
    """(7 + K,) Gauss-Newton step for gaps (N, 3), along the normals (N, 3) and, with less weight, across."""
    across = 0.1
    weights = weights * EFFECTIVE_POINTS / (max(weights.sum(), 1.0) * noise**2)
    along = (normals[:, None] @ jacobian)[:, 0]
    flat, own = jacobian.reshape(-1, jacobian.shape[2]), np.repeat(weights * across, 3)
    hessian = (along * weights[:, None]).T @ along + (flat * own[:, None]).T @ flat
    slope = along.T @ (weights * (normals * gap).sum(axis=1)) + flat.T @ (own * gap.ravel())
    hessian[np.diag_indices(len(prior))] += prior
    return np.linalg.solve(hessian, -(slope + prior * values))


def deform(model: FaceModel, start: np.ndarray, target: TriangleSearch, anchors: Anchors | None) -> np.ndarray:
    """(V, 3) the bundled topology on the target, by smooth displacements of ``start`` (V, 3).

    Each step minimises sum_i w_i |v_i - c_i|^2 + stiffness * E(v - start) + fade * |v - start|^2 with c_i the nearest
    point and E the energy of :func:`smoothness`; the stiffness falls, so that large parts move before small ones.
    """
    energy = smoothness(len(start), model.triangles)
    vertices, every = start, np.arange(len(start))
    for level in STIFFNESS:
        reach = float(np.interp(np.log(level), np.log([STIFFNESS[-1], STIFFNESS[0]]), [0.4, 1.0]))
        found, weights, _ = match(model, vertices, target, reach, every)
        if anchors is not None:
            found[anchors.ids], weights[anchors.ids] = anchors.places, ANCHOR_WEIGHT
        system = sp.diags(weights + FADE) + level * energy
        vertices = start + factorise(system).solve(weights[:, None] * (found - start))
    return vertices


def smoothness(count: int, triangles: np.ndarray) -> sp.csc_matrix:
    """(V, V) matrix of the energy |L x|^2 + tension * |slope of x|^2, L the mesh's uniform Laplacian."""
    laplacian, slope = graph_laplacian(triangles, count), stiffness(adjacency(triangles, count))
    return (laplacian.T @ laplacian + TENSION / 6.0 * slope).tocsc()  # a vertex has 6 edges or so
