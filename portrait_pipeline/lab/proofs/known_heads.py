"""Heads drawn from the face model in known poses, and the 68 points an annotator would put on their pictures.

The points are made without the fit's own search for the jaw: an annotator follows the border of the visible face from
ear to ear, so the border is computed from the whole surface of the face (:func:`face_outline`), and the 17 jaw points
are spaced along it as they are spaced along the head's jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.path import Path as Polygon
from scipy.spatial import ConvexHull
from trimesh.geometry import faces_to_edges

from ...fit.model_at_landmarks import landmark_model
from ...head.camera import PerspectiveCamera
from ...head.model import FaceModel
from ...head.pose import rotation_from_angles
from ..params import FitProofParams

MAX_PITCH, MAX_ROLL = 15.0, 15.0
"""Heads nod and tilt at most this far, degrees."""
DISTANCE_CM = (40.0, 250.0)
"""Nearest and furthest viewer, uniform in the logarithm."""
HEAD_CM = 22.0
"""Chin to crown of a common head, cm."""
HEAD_SHARES = (0.55, 0.8)
"""Height of a drawn head as a share of the image's side."""
OFF_CENTRE = 0.05
"""Largest shift of a drawn head from the middle of the image, as a share of its side."""
EXPRESSION_FAMILIES = (
    ("eyeBlink", "eyeSquint", "eyeWide"),
    ("browDown", "browInnerUp", "browOuterUp"),
    ("jawOpen", "jawForward", "jawLeft", "jawRight"),
    ("mouthSmile", "mouthFrown", "mouthStretch", "mouthPucker", "mouthFunnel", "mouthUpperUp", "mouthLowerDown"),
    ("mouthPress", "mouthDimple", "mouthRollLower", "mouthShrugUpper", "cheekSquint", "noseSneer"),
)
"""Of each family at most one shape is drawn: shapes of one family contradict each other."""
EXPRESSION_CHANCE = 0.5
LARGEST_EXPRESSION = 0.7
NOSE_ROOM = np.array([1.8, 1.2])
"""The nose is the hull of its landmarks enlarged by this much in u and v."""
MIDDLE = (0, 8, 16, 36, 45)
"""Landmarks whose mean lies inside the head, behind the face."""
ANCHORS = (0, 8, 16)
"""Jaw points that lie on the outline next to their own vertex: both ends and the chin."""


@dataclass(frozen=True)
class KnownHead:
    """One drawn head.

    Attributes:
        identity: (K,) N(0, 1). expression: (E,) in [0, 1].
        vertices: (V, 3) cm. neutral: (V, 3) cm, without the expression.
        angles: (3,) yaw, pitch and roll of the camera's rotation, degrees.
        camera: the camera it is seen by.
        points: (68, 2) px, exact.
    """

    identity: np.ndarray
    expression: np.ndarray
    vertices: np.ndarray
    neutral: np.ndarray
    angles: np.ndarray
    camera: PerspectiveCamera
    points: np.ndarray


def draw_head(model: FaceModel, drawn: FitProofParams, edges: np.ndarray, rng: np.random.Generator) -> KnownHead:
    """One head of the model's population in a random pose; every draw comes from ``rng``.

    Args:
        drawn: ranges of pose and the side of the image. edges: (N, 2) from :func:`annotated_face`.
    """
    identity = rng.standard_normal(len(model.identity_basis))
    expression = draw_expression(model.expression_names, rng)
    vertices, neutral = model.vertices(identity, expression), model.vertices(identity, np.zeros(len(expression)))
    angles = rng.uniform(-1.0, 1.0, 3) * [drawn.max_yaw, MAX_PITCH, MAX_ROLL]
    scale = drawn.image_size * rng.uniform(*HEAD_SHARES) / HEAD_CM
    distance = float(np.exp(rng.uniform(*np.log(DISTANCE_CM))))
    shift = drawn.image_size * rng.uniform(-OFF_CENTRE, OFF_CENTRE, 2) / scale
    place, middle = np.array([*shift, -distance]), np.full(2, drawn.image_size / 2)
    camera = PerspectiveCamera(rotation_from_angles(*angles), place, scale * distance, middle)
    points = annotate(model, vertices, camera, edges)
    return KnownHead(identity, expression, vertices, neutral, angles, camera, points)


def draw_expression(names: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """Coefficients (E,) of a plausible expression: each family with an even chance shows one of its shapes.

    Left and right shapes of one name go together, one up to 20 % weaker. Names that a model lacks are left out.
    """
    result = np.zeros(len(names))
    for family in EXPRESSION_FAMILIES:
        active, name = rng.uniform() < EXPRESSION_CHANCE, family[rng.integers(len(family))]
        strength, sides = rng.uniform(0.0, LARGEST_EXPRESSION), rng.uniform(0.8, 1.0, 2)
        if active:
            for suffix, share in (("", 1.0), ("Left", sides[0]), ("Right", sides[1])):
                if name + suffix in names:
                    result[names.index(name + suffix)] = strength * share
    return result


def annotated_face(model: FaceModel) -> np.ndarray:
    """Edges (N, 2) of the surface whose visible border an annotator follows.

    It is the face with eyes and mouth up to ears and jaw line, without the underside of the jaw: it ends at the
    outermost vertices over which the jaw landmarks may slide. The nose is left out: that of a turned face hides a part
    of the cheek, but nobody takes it for the cheek's border. Borders are drawn in the UV layout, where the face is a
    disk.
    """
    uv = np.zeros((len(model.mean), 2))
    uv[model.triangles.ravel()] = model.uv[model.uv_triangles.ravel()]
    border = uv[model.jaw_contours[:, 0]]
    inside = Polygon([*border, [border[-1, 0], 1.0], [border[0, 0], 1.0]]).contains_points(uv)
    inside[model.jaw_contours[:, 0]] = True
    inside &= np.isin(model.regions, [model.REGIONS.index(n) for n in ("face", "eye_left", "eye_right", "mouth")])
    nose = uv[model.landmarks[27:36]]
    nose = nose.mean(axis=0) + NOSE_ROOM * (nose - nose.mean(axis=0))
    inside &= ~Polygon(nose[ConvexHull(nose).vertices]).contains_points(uv)
    kept = model.triangles[inside[model.triangles].all(axis=1)]
    return np.unique(np.sort(faces_to_edges(kept), axis=1), axis=0)


def annotate(model: FaceModel, vertices: np.ndarray, camera: PerspectiveCamera, edges: np.ndarray) -> np.ndarray:
    """The 68 points (68, 2) px of a head (V, 3): landmarks inside the face, along the jaw the border of ``edges``."""
    image = camera.project(vertices)[:, :2]
    points = camera.project(landmark_model(model).surface.of(vertices))[:, :2]
    middle = camera.project(vertices[model.landmarks[list(MIDDLE)]].mean(axis=0))[:2]
    outline = face_outline(image, edges, middle)
    spacing = np.linalg.norm(np.diff(vertices[model.landmarks[:17]], axis=0), axis=1)
    points[:17] = spread_along(outline, points[list(ANCHORS)], spacing)
    return points


def face_outline(image: np.ndarray, edges: np.ndarray, centre: np.ndarray, rays: int = 1440) -> np.ndarray:
    """The outer border of projected edges as seen from a point inside.

    Every edge is cut with rays from ``centre``; the furthest cut of each ray is on the outline.

    Args:
        image: (V, 2) px, y down. edges: (N, 2) vertex ids. centre: (2,) px.

    Returns:
        (R, 2) px, from the image's up direction over its left, down and right; rays that miss everything are left out.
    """
    start, end = (image[edges[:, side]] - centre for side in (0, 1))
    step = 2 * np.pi / rays
    first, last = (np.arctan2(-p[:, 0], -p[:, 1]) / step for p in (start, end))  # 0 is up, left is positive
    last = first + (last - first + rays / 2) % rays - rays / 2  # the short way round
    low, high = np.ceil(np.minimum(first, last)), np.floor(np.maximum(first, last))
    count = np.maximum(high - low + 1, 0).astype(int)
    owner = np.repeat(np.arange(len(edges)), count)
    ray = low[owner] + np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    angle = ray * step
    direction = -np.stack([np.sin(angle), np.cos(angle)], axis=1)
    along = end[owner] - start[owner]
    # start + t along = radius * direction; the cross product with `along` leaves the radius.
    cross = direction[:, 0] * along[:, 1] - direction[:, 1] * along[:, 0]
    numerator = start[owner, 0] * along[:, 1] - start[owner, 1] * along[:, 0]
    valid = np.abs(cross) > 1e-12
    reach = np.zeros(rays)
    np.maximum.at(reach, ray[valid].astype(int) % rays, numerator[valid] / cross[valid])
    angle = np.arange(rays) * step
    outline = centre - reach[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return outline[reach > 0]


def spread_along(outline: np.ndarray, anchors: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Points on an outline: the three anchors moved to it, the others between them in proportion to ``spacing``.

    Args:
        outline: (R, 2) px, ordered. anchors: (3, 2) px: first, middle and last point before they are moved.
        spacing: (N - 1,) lengths between neighbours, N odd, in any unit; (N, 2) px come back.
    """
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(outline, axis=0), axis=1))])
    nearest = [int(np.linalg.norm(outline - anchor, axis=1).argmin()) for anchor in anchors]
    places, half = length[nearest], len(spacing) // 2
    parts = []
    for part, (begin, end) in enumerate(((places[0], places[1]), (places[1], places[2]))):
        share = np.concatenate([[0.0], np.cumsum(spacing[part * half : (part + 1) * half])])
        parts.append(begin + (end - begin) * share / share[-1])
    place = np.concatenate([parts[0], parts[1][1:]])
    return np.stack([np.interp(place, length, outline[:, axis]) for axis in (0, 1)], axis=1)


FAR_LEFT = np.array([*range(9, 17), *range(22, 27), *range(42, 48)])
FAR_RIGHT = np.array([*range(0, 8), *range(17, 22), *range(36, 42)])


def far_side(yaw: float) -> np.ndarray:
    """Points (19,) of jaw, brow and eye on the side of the face that is turned away at this yaw (degrees)."""
    # Positive yaw turns the nose to image right: the image-right half (the subject's left) goes out of sight.
    return FAR_LEFT if yaw > 0 else FAR_RIGHT


def add_outliers(points: np.ndarray, share: float, unit: float, rng: np.random.Generator) -> np.ndarray:
    """The points (N, 2) with ``round(share * N)`` of them moved by 0.1 to 0.5 ``unit`` (px) in random directions."""
    count = round(share * len(points))
    chosen = rng.choice(len(points), count, replace=False)
    angle, length = rng.uniform(0.0, 2 * np.pi, count), unit * rng.uniform(0.1, 0.5, count)
    result = points.copy()
    result[chosen] += length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return result
