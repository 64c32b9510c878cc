"""How well a deformed head keeps what it should: measures of one head, and of many targets with many settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.spatial import cKDTree

from ...deform.targets import landmark_targets
from ...deformation.deform import deform_with_report
from ...deformation.folds import flipped_triangles
from ...deformation.intersections import intersecting_pairs
from ...deformation.params import DeformSettings
from ...head.camera import Camera
from ...head.model import FaceModel
from ...mesh.laplacian import directed_edges, graph_laplacian, ring_similarities
from ...shapes.alignment import align, apply, invert
from ...shapes.easing import keep_face, scale_change

_PIXELS = 20.0  # a centimetre, of the camera through which targets are made; it cancels out
FACE, EAR, BACK = ("face", "eye_left", "eye_right", "mouth"), "ear", "scalp"


class HeadMeasures:
    """Measures deformations of one head.

    Args:
        model: topology, landmarks and regions. vertices: (V, 3) of the head before.
    """

    def __init__(self, model: FaceModel, vertices: np.ndarray) -> None:
        self._model, self._before = model, np.asarray(vertices, float)
        self._edges = directed_edges(model.triangles)
        self._laplacian = graph_laplacian(model.triangles, len(vertices))
        self._pairs = _as_set(intersecting_pairs(self._before, model.triangles))
        self._sides = _inner_edges(model.triangles)
        middles = self._before[model.triangles].mean(axis=1)
        self._nearest = cKDTree(self._before[model.landmarks]).query(middles)[1]
        region = [model.REGIONS.index(name) for name in (*FACE, EAR, BACK)]
        self._face, self._ear, self._back = (
            np.isin(model.regions, part) for part in (region[:4], region[4], region[5])
        )

    def measure(self, after: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Residual, faults and distortions of the deformed head.

        Args:
            after: (V, 3). targets: (68, 3) head space.

        Returns:
            ``residual``, ``residual_max``: of the landmarks in the frontal plane, in eye distances of the targets;
            ``flipped``: triangles turned over; ``intersections``: pairs of triangles that newly pass through each
            other, of which ``intersections_lips`` and ``intersections_lids`` lie nearest to a landmark of mouth or of
            eyes; ``edges``, ``edges_95``: median and 95 % of the absolute logarithm of the edges' change of length,
            against the best similarity of the whole head; ``detail``, ``detail_95``: on the face, change of a vertex's
            differential (vertex minus mean of its neighbours) after the best similarity of its ring, in edge lengths;
            ``bend_95``: change of the angle between neighbouring triangles, degrees; ``ears`` (the worse one) and
            ``back``: root mean square distance from their best similarity, as a share of their size.
        """
        model, before = self._model, self._before
        size = np.linalg.norm(targets[45, :2] - targets[36, :2])
        off = np.linalg.norm((after[model.landmarks] - targets)[:, :2], axis=1) / size
        stretch, detail, bend = self._stretch(after), self._detail(after)[self._face], self._bend(after)
        left = before[:, 0] > 0
        return {
            "residual": float(off.mean()),
            "residual_max": float(off.max()),
            "flipped": float(len(flipped_triangles(before, after, model.triangles))),
            **self._intersections(after),
            "edges": float(np.median(stretch)),
            "edges_95": float(np.percentile(stretch, 95)),
            "detail": float(np.median(detail)),
            "detail_95": float(np.percentile(detail, 95)),
            "bend_95": float(np.percentile(bend, 95)),
            "ears": max(unlikeness(before[part], after[part]) for part in (self._ear & left, self._ear & ~left)),
            "back": unlikeness(before[self._back], after[self._back]),
        }

    def _intersections(self, after: np.ndarray) -> dict[str, float]:
        model = self._model
        pairs = np.array(sorted(_as_set(intersecting_pairs(after, model.triangles)) - self._pairs), int).reshape(-1, 2)
        nearest = self._nearest[pairs]
        touch = {
            name: float(np.isin(nearest, points).any(axis=1).sum())
            for name, points in (("lips", np.arange(48, 68)), ("lids", np.arange(36, 48)))
        }
        return {"intersections": float(len(pairs))} | {f"intersections_{name}": n for name, n in touch.items()}

    def _stretch(self, after: np.ndarray) -> np.ndarray:
        rows, columns = self._edges
        old, new = (np.linalg.norm(v[rows] - v[columns], axis=1) for v in (self._before, after))
        return np.abs(np.log(np.maximum(new, 1e-9) / np.maximum(old, 1e-9) / best_similarity(self._before, after)[0]))

    def _detail(self, after: np.ndarray) -> np.ndarray:
        rows, columns = self._edges
        scale, rotation = ring_similarities(self._before, after, self._edges)
        carried = scale[:, None] * np.einsum("vab,vb->va", rotation, self._laplacian @ self._before)
        square = np.bincount(rows, ((after[columns] - after[rows]) ** 2).sum(axis=1), minlength=len(after))
        length = np.sqrt(square / np.maximum(np.bincount(rows, minlength=len(after)), 1))
        return np.linalg.norm(self._laplacian @ after - carried, axis=1) / np.maximum(length, 1e-9)

    def _bend(self, after: np.ndarray) -> np.ndarray:
        change = np.abs(self._angles(after) - self._angles(self._before))
        return np.degrees(np.minimum(change, 2 * np.pi - change))

    def _angles(self, vertices: np.ndarray) -> np.ndarray:
        """Signed angles between the two triangles of every inner edge, radians."""
        corners = vertices[self._model.triangles]
        normals = _unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
        start, end, one, other = self._sides
        along = _unit(vertices[end] - vertices[start])
        a, b = normals[one], normals[other]
        return np.arctan2((np.cross(a, b) * along).sum(axis=1), (a * b).sum(axis=1))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)


def _as_set(pairs: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, pairs.tolist()))


def _inner_edges(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Start, end and the two triangles of every edge between two triangles."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]).astype(np.int64)
    owner = np.tile(np.arange(len(triangles)), 3)
    low, high = np.sort(sides, axis=1).T
    order = np.lexsort((high, low))
    sides, owner, low, high = sides[order], owner[order], low[order], high[order]
    first = np.flatnonzero((low[1:] == low[:-1]) & (high[1:] == high[:-1]))
    return sides[first, 0], sides[first, 1], owner[first], owner[first + 1]


def best_similarity(before: np.ndarray, after: np.ndarray) -> tuple[float, np.ndarray]:
    """Scale of the least-squares similarity from ``before`` to ``after`` (N, 3), and what it leaves, (N, 3)."""
    a, b = before - before.mean(axis=0), after - after.mean(axis=0)
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    scale = float((singular * sign).sum() / max((a**2).sum(), 1e-30))
    return scale, b - scale * a @ (u * sign @ vt).T


def unlikeness(before: np.ndarray, after: np.ndarray) -> float:
    """Root mean square distance of ``after`` (N, 3) from the best similarity of ``before``, over its spread."""
    spread = ((after - after.mean(axis=0)) ** 2).sum()
    return float(np.sqrt((best_similarity(before, after)[1] ** 2).sum() / max(spread, 1e-30)))


def art_targets(model: FaceModel, vertices: np.ndarray, face: np.ndarray, scale: float) -> np.ndarray:
    """Targets (68, 3) that give a head the proportions of an artwork's face, exaggerated ``scale`` times.

    As the pipeline's translation hands them over: aligned at eyes and mouth, and eased where lines would cross.

    Args:
        model: of the head. vertices: (V, 3). face: (68, 2) the artwork's points seen from the front, y down.
        scale: 1 as the artwork is.
    """
    camera = Camera(np.eye(3), _PIXELS, np.zeros(2))
    content = camera.project(vertices[model.landmarks])[:, :2]
    aligned, to_canvas = align(content)
    art, _ = align(face)
    wanted = apply(invert(to_canvas), keep_face(aligned, art))
    return landmark_targets(vertices, model.landmarks, camera, content, scale_change(content, wanted, scale))


def compare_settings(
    model: FaceModel,
    vertices: np.ndarray,
    faces: np.ndarray,
    settings: Sequence[tuple[float, DeformSettings]],
    notify: Callable[[str], None] = lambda line: None,
) -> list[dict[str, float | str]]:
    """Deform one head towards many artworks with each of several settings.

    Args:
        model, vertices: the head (V, 3). faces: (N, 68, 2) artworks' points seen from the front.
        settings: ``deform.scale`` with how the head is deformed.

    Returns:
        One row a setting: its name, the means of :meth:`HeadMeasures.measure` over all faces, the number of faces with
        any flipped triangle or new intersection at lips or lids, and the mean milliseconds of a deformation.
    """
    measures, mesh, rows = HeadMeasures(model, vertices), model.mesh(vertices), []
    for scale, params in settings:
        found, seconds = [], 0.0
        for face in faces:
            targets = art_targets(model, vertices, face, scale)
            start = time.process_time()
            deformation = deform_with_report(mesh, model.landmarks, targets, params)
            seconds += time.process_time() - start
            found.append(measures.measure(deformation.vertices, targets))
        rows.append(
            _setting(params) | {"scale": scale} | _summary(found) | {"milliseconds": 1000.0 * seconds / len(faces)}
        )
        notify(f"{params.laplacian}, follow {params.follow}, skull {params.skull:g}, scale {scale:g}: done")
    return rows


def _setting(params: DeformSettings) -> dict[str, float | str]:
    return {name: getattr(params, name) for name in ("laplacian", "follow", "skull", "alpha")}


def _summary(found: Iterable[dict[str, float]]) -> dict[str, float]:
    found = list(found)
    result = {name: float(np.mean([row[name] for row in found])) for name in found[0]}
    for name in ("flipped", "intersections_lips", "intersections_lids"):
        result[f"faces_{name}"] = float(sum(row[name] > 0 for row in found))
    return result
