"""Refinement of the fit by the photo: a face is painted symmetrically, so shading is what tells its sides apart.

There is no statistical model of skin colour. But the skin of a face is nearly the same on both sides, so for a point
of the face and its mirror image, both seen, the ratio of their brightness is that of their shading,

    log I(x) - log I(x') = log s(n(x)) - log s(n(x')),    s(n) = 9 spherical harmonics of the normal (Lambertian light),

whatever the skin's own brightness is. The residuals of these equations depend on the shape through the normals and
through the places where the photo is looked up; added to those of the landmarks, they refine identity and camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..base.errors import FitError
from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.geometry import vertex_normals
from .problem import Equations, Problem, State, cost, equations, slide_jaw
from .solver import ROBUST_SCALES, arrow_step, limits

ROUNDS = 4
IDENTITIES = 40  # the first ones; the others are smaller than what shading tells
WEIGHT = 0.1  # of a pair of points against a landmark: neighbouring pairs err together
LEAST_PAIRS = 200
LEAST_FACING = 0.25  # cosine of the angle between normal and viewer
LEAST_SPREAD = 0.05  # of a residual: camera noise and what is not symmetric
BLUR = 2.0  # px of a face whose outer eye corners are 150 px apart
DARK, BRIGHT = 0.01, 1.0
CAMERA_STEPS = np.array([1e-3, 1e-3, 1e-3, 1e-3, 0.3, 0.3, 1e-3])
IDENTITY_STEP = 1e-2
MARQUARDT = (1e-2, 1e-1, 1.0, 10.0)


@dataclass(frozen=True)
class _Face:
    """The symmetric skin of a model: pairs of vertices (P,) and (P,), and the triangles (F, 3) about them."""

    left: np.ndarray
    right: np.ndarray
    triangles: np.ndarray


def refine(model: FaceModel, problem: Problem, state: State, images: list[np.ndarray]) -> State:
    """Identity and cameras refined by the photos.

    Args:
        model: symmetric, see :attr:`FaceModel.mirror`.
        problem: of the landmarks; state: its solution.
        images: N photos (H, W, 3) uint8 RGB.

    Returns:
        The refined state; the same if too little of a face is seen from both sides.

    Raises:
        FitError: the model's two sides are not known.
    """
    face = _symmetric_skin(model)
    bright = [_brightness(image, points) for image, points in zip(images, problem.points, strict=True)]
    for _ in range(ROUNDS):
        terms = [_Shading.of(model, face, problem, state, i, bright[i]) for i in range(len(bright))]
        state = _step(problem, state, [term for term in terms if term is not None])
    return state


def _symmetric_skin(model: FaceModel) -> _Face:
    """Every second pair of mirror vertices between chin and forehead, in front of the jaw's ends."""
    marks = model.mean[model.landmarks]
    brow, chin, end = marks[17:27, 1].max(), marks[8, 1], marks[[0, 16], 2].mean()
    here = (model.regions == model.REGIONS.index("face")) & (model.mirror > np.arange(len(model.mirror)))
    here &= (model.mean[:, 1] > chin) & (model.mean[:, 1] < brow + 0.3 * (brow - chin)) & (model.mean[:, 2] > end)
    left = np.flatnonzero(here)[::2]
    if len(left) < LEAST_PAIRS:
        raise FitError(
            f"fit.refine: 'photo' needs a model whose left and right vertices are known; {model.name} has "
            f"{len(left)} such pairs on its face, at least {LEAST_PAIRS} are needed; use fit.refine: none"
        )
    right = model.mirror[left]
    near = np.isin(model.triangles, np.concatenate([left, right])).any(axis=1)
    return _Face(left, right, model.triangles[near])


def _brightness(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Linear grey values (H, W) float32, smoothed over a few hairs and pores."""
    grey = (cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255.0) ** 2.2
    return cv2.GaussianBlur(grey, (0, 0), max(0.5, BLUR * float(np.linalg.norm(points[36] - points[45])) / 150.0))


def _look_up(image: np.ndarray, camera: AnyCamera, vertices: np.ndarray) -> np.ndarray:
    seen = camera.project(vertices)[:, :2].astype(np.float32)[:, None] - np.float32(0.5)
    return np.clip(cv2.remap(image, seen, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0], DARK, BRIGHT)


def harmonics(normals: np.ndarray) -> np.ndarray:
    """Real spherical harmonics up to degree 2 of unit normals (N, 3), up to constant factors: (N, 9)."""
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, z, x * y, x * z, y * z, x**2 - y**2, 3 * z**2 - 1], axis=1)


def light_of(normals: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Coefficients (9,) of the light that explains brightness (N,) on skin of one colour, robustly; mean shading 1."""
    basis, weights = harmonics(normals), np.ones(len(normals))
    ridge = 1e-3 * len(normals) * np.diag([0.0, *[1.0] * 8])
    for _ in range(8):
        light = np.linalg.solve((basis * weights[:, None]).T @ basis + ridge, basis.T @ (weights * brightness))
        error = np.abs(basis @ light - brightness)
        weights = 1.0 / (1.0 + (error / (1.5 * np.median(error) + 1e-9)) ** 2)
    return light / np.mean(basis @ light)


@dataclass(frozen=True)
class _Shading:
    """The equations of one view around a state, linear in its camera (7) and the first identities.

    Attributes:
        view: which. matrix: (P, 7 + I). error, weights: (P,).
    """

    view: int
    matrix: np.ndarray
    error: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, model: FaceModel, face: _Face, problem: Problem, state: State, view: int, image: np.ndarray
    ) -> _Shading | None:
        """The equations of a view, or None if too few pairs are seen."""
        expression = np.clip(np.zeros(len(model.expression_names)), model.expression_low, model.expression_high)
        expression[problem.model.active] = state.expression[view]
        vertices, camera = model.vertices(state.identity, expression), state.views.camera(view)
        normals, sides = vertex_normals(vertices, face.triangles), np.concatenate([face.left, face.right])
        facing = (normals * camera.towards(vertices)).sum(axis=1) > LEAST_FACING
        both = facing[face.left] & facing[face.right]
        if both.sum() < LEAST_PAIRS:
            return None
        seen = sides[facing[sides]]
        light = light_of(normals[seen] @ camera.rotation.T, _look_up(image, camera, vertices[seen]))

        def error(vertices: np.ndarray, camera: AnyCamera) -> np.ndarray:
            normals = vertex_normals(vertices, face.triangles)[sides]
            shade = np.maximum(harmonics(normals @ camera.rotation.T) @ light, DARK)
            unlit = np.log(_look_up(image, camera, vertices[sides])) - np.log(shade)
            return unlit[: len(face.left)] - unlit[len(face.left) :]

        here = error(vertices, camera)
        columns = []
        for k, size in enumerate(CAMERA_STEPS):
            step = np.zeros((len(problem.points), 7))
            step[view, k] = size
            columns.append((error(vertices, state.views.moved(step).camera(view)) - here) / size)
        for k in range(min(IDENTITIES, len(state.identity))):
            direction = model.identity_basis[k].astype(float)
            if model.cross_basis is not None:
                direction += np.tensordot(expression, model.cross_basis[k], axes=1)
            columns.append((error(vertices + IDENTITY_STEP * direction, camera) - here) / IDENTITY_STEP)
        spread = max(LEAST_SPREAD, 1.48 * float(np.median(np.abs(here[both]))))
        weights = np.where(both, WEIGHT / (1.0 + (here / (2.0 * spread)) ** 2) ** 2 / spread**2, 0.0)
        return cls(view, np.stack(columns, axis=1), here, weights)

    def add(self, system: Equations) -> None:
        """Add to the normal equations of the landmarks."""
        square = (self.matrix * self.weights[:, None]).T @ self.matrix
        slope = self.matrix.T @ (self.weights * self.error)
        count = len(slope) - 7
        system.own[self.view, :7, :7] += square[:7, :7]
        system.mixed[self.view, :7, :count] += square[:7, 7:]
        system.shared[:count, :count] += square[7:, 7:]
        system.own_gradient[self.view, :7] += slope[:7]
        system.shared_gradient[:count] += slope[7:]

    def cost(self, own: np.ndarray, shared: np.ndarray) -> float:
        """The linearised cost after a step."""
        count = self.matrix.shape[1] - 7
        error = self.error + self.matrix @ np.concatenate([own[self.view, :7], shared[:count]])
        return float(self.weights @ error**2)


def _step(problem: Problem, state: State, terms: list[_Shading]) -> State:
    """One damped step on landmarks and shading together; none if no damping lowers their cost."""
    jaw, robust = slide_jaw(problem, state), ROBUST_SCALES[-1]
    system = equations(problem, state, jaw, robust)
    for term in terms:
        term.add(system)
    now = cost(problem, state, jaw, robust) + sum(float(term.weights @ term.error**2) for term in terms)
    for damping in MARQUARDT:
        own, shared = arrow_step(system, damping, *limits(problem, state))
        trial = state.moved(problem.model, own, shared)
        if cost(problem, trial, jaw, robust) + sum(term.cost(own, shared) for term in terms) < now:
            return trial
    return state
