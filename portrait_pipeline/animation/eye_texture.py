"""The eyeball's texture: what is painted in the eye opening, and what the lids hide completed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from ..base.numerics import TIE, first_largest
from ..mesh.mesh import Mesh
from ..mesh.render import Framing, View, rasterise, sample_texture
from .eyeball import Eyeball, uv_directions

SIZE = 512
PICTURE = 512  # px, of the frontal picture of the opening
IRIS_ANGLE = 0.40  # rad, usual radius of an iris seen from the eyeball's centre
IRIS_RANGE = (0.26, 0.60)
CONTRAST = 0.5  # least difference of an iris from its surroundings, in standard deviations of the opening's lightness
FEATHER = 0.08  # share of the texture over which painted colour runs into completed
BORDER = 0.008  # share of the texture within the border of what is seen over which it does so too


@dataclass(frozen=True)
class Iris:
    """A painted iris on the unit sphere: its middle's (x, y) and the sine of its angular radius, 0 if there is none."""

    centre: np.ndarray
    radius: float


def eye_texture(patch: Mesh, border: np.ndarray, texture: np.ndarray, ball: Eyeball) -> np.ndarray:
    """The texture (SIZE, SIZE, 3) uint8 of a sphere (see :func:`eyeball.sphere_mesh`).

    Seen from the front, the texture shows in the opening exactly what the head's ``texture`` shows there.

    Args:
        patch: the triangles of the opening in the expression of the picture.
        border: (R, 3) loop within which the eyeball is seen there: what is painted outside of it belongs to the lids.
        texture: the head's.
        ball: the eyeball behind it.
    """
    picture, seen = frontal_picture(patch, border, texture, ball)
    iris = find_iris(picture, seen)
    directions, exists = uv_directions(SIZE)
    x, y = directions[..., 0], directions[..., 1]
    column = ((x + 1) / 2 * PICTURE - 0.5).astype(np.float32)
    row = ((1 - y) / 2 * PICTURE - 0.5).astype(np.float32)
    painted = cv2.remap(picture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shown = cv2.remap(seen.astype(np.float32), column, row, cv2.INTER_LINEAR) * (directions[..., 2] > 0)
    base = _imagined(picture, seen, iris, directions)
    result = complete(painted, shown > 0.99, base)
    result[~exists] = result[exists].mean(axis=0)
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def frontal_picture(
    patch: Mesh, border: np.ndarray, texture: np.ndarray, ball: Eyeball
) -> tuple[np.ndarray, np.ndarray]:
    """The opening in the eyeball's own (x, y), [-1, 1] for its radius: (P, P, 3) float32, and where it is within the
    ``border`` (R, 3), (P, P) bool."""
    vertices = (np.asarray(patch.vertices, float) - ball.centre) / ball.stretch
    fragments = rasterise(patch.with_vertices(vertices), View(), Framing(np.zeros(3), ball.radius), PICTURE)
    picture = np.zeros((PICTURE, PICTURE, 3), np.float32)
    here = fragments.mask
    picture[here] = sample_texture(texture, fragments.uv[here], fragments.footprint[here])
    if here.any():  # no black at the edges
        nearest = ndimage.distance_transform_edt(~here, return_distances=False, return_indices=True)
        picture = picture[nearest[0], nearest[1]]
    loop = (border - ball.centre) / ball.stretch / ball.radius
    pixels = np.stack([(loop[:, 0] + 1) / 2, (1 - loop[:, 1]) / 2], axis=1) * PICTURE
    within = cv2.fillPoly(np.zeros((PICTURE, PICTURE), np.uint8), [np.rint(pixels - 0.5).astype(np.int32)], 1)
    return picture, here & (within > 0)


def find_iris(picture: np.ndarray, seen: np.ndarray) -> Iris:
    """The circle that is darkest against its surroundings in the frontal picture (P, P, 3), where ``seen`` (P, P).

    Where nothing stands out (a painter's blank eye) its radius is 0.
    """
    light = cv2.cvtColor(np.clip(picture, 0, 255).astype(np.uint8), cv2.COLOR_RGB2LAB)[..., 0].astype(float)
    y, x = np.nonzero(seen[::6, ::6])
    points = np.stack([2 * (6 * x + 0.5) / PICTURE - 1, 1 - 2 * (6 * y + 0.5) / PICTURE], axis=1)
    if len(points) < 30:
        return Iris(np.zeros(2), 0.0)
    value = light[::6, ::6][y, x]
    low, high, middle = points.min(axis=0), points.max(axis=0), points.mean(axis=0)
    across, up = np.meshgrid(np.linspace(low[0], high[0], 29), np.linspace(low[1] - 0.1, high[1] + 0.1, 15))
    centres = np.stack([across.ravel(), up.ravel()], axis=1)
    distance = np.linalg.norm(points[None] - centres[:, None], axis=2)
    off = (centres - middle) / (high - low) * [1.0, 1.22]
    unusual = 2.0 * (off**2).sum(axis=1)
    spread = max(float(value.std()), 1.0)
    best = (-np.inf, middle, 0.0, 0.0)
    for angle in np.linspace(*IRIS_RANGE, 9):
        radius = np.sin(angle)
        inside, ring = distance < radius, (distance > 1.1 * radius) & (distance < 1.7 * radius)
        enough = (inside.sum(axis=1) >= 8) & (ring.sum(axis=1) >= 8)
        means = [(mask @ value) / np.maximum(mask.sum(axis=1), 1) for mask in (inside, ring)]
        contrast = (means[1] - means[0]) / spread
        score = np.where(enough, contrast - unusual - 0.15 * ((angle - IRIS_ANGLE) / 0.12) ** 2, -np.inf)
        k = int(first_largest(score))
        if score[k] > best[0] + TIE:
            best = (float(score[k]), centres[k], float(radius), float(contrast[k]))
    return Iris(best[1], best[2] if best[3] > CONTRAST else 0.0)


def _imagined(picture: np.ndarray, seen: np.ndarray, iris: Iris, directions: np.ndarray) -> np.ndarray:
    """(S, S, 3) an eyeball of the picture's colours: the iris by symmetry about its middle, the white smooth."""
    y, x = np.nonzero(seen)
    px, py = 2 * (x + 0.5) / PICTURE - 1, 1 - 2 * (y + 0.5) / PICTURE
    axis = _towards(iris.centre)
    depth = np.sqrt(np.maximum(1 - px**2 - py**2, 0))
    angle = np.arccos(np.clip(np.stack([px, py, depth], axis=1) @ axis, -1, 1))
    colour = picture[y, x]
    if iris.radius == 0 or len(colour) < 30:
        return np.broadcast_to(np.median(colour, axis=0) if len(colour) else 200.0, directions.shape).copy()
    edge = float(np.arcsin(iris.radius))
    profile = _profile(angle / edge, colour)
    at = np.arccos(np.clip(directions @ axis, -1, 1)) / edge
    return np.stack([np.interp(at, profile[0], column) for column in profile[1].T], axis=2)


def _profile(at: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour against the distance from the iris' middle (1 at its edge); beyond 1.25 it is the white's median."""
    bins = np.linspace(0, 1.25, 14)
    outside = at > 1.2
    if outside.sum() < 20:
        outside = at > np.quantile(at, 0.8)
    # The white is what is light and pale there: skin and lashes are seen beside it.
    pale = colour.mean(axis=1) - np.ptp(colour, axis=1)
    white = np.median(colour[outside & (pale >= np.quantile(pale[outside], 0.7))], axis=0)
    rows, places = [], []
    for low, high in zip(bins[:-1], bins[1:], strict=True):
        here = (at >= low) & (at < high)
        if here.sum() >= 8:
            rows.append(np.median(colour[here], axis=0))
            places.append((low + high) / 2)
    if not rows:
        rows, places = [white], [0.0]
    return np.r_[places, 1.4], np.stack([*rows, white])


def _towards(centre: np.ndarray) -> np.ndarray:
    x, y = np.clip(centre, -0.7, 0.7)
    return np.array([x, y, np.sqrt(max(1 - x * x - y * y, 0.02))])


def complete(painted: np.ndarray, shown: np.ndarray, base: np.ndarray) -> np.ndarray:
    """``painted`` (S, S, 3) where ``shown`` (S, S), running smoothly into ``base`` elsewhere.

    The last of it at the border, where a lid's line or shadow still is, gives way to the completed colours: it would
    be seen as an outline on the white when the eye turns.
    """
    size = len(painted)
    inside = ndimage.distance_transform_edt(shown) / size
    core = inside > BORDER
    if not core.any():
        return base
    distance, nearest = ndimage.distance_transform_edt(~core, return_indices=True)
    residual = np.where(core[..., None], painted - base, 0.0)
    blur = size * FEATHER / 4
    weight = ndimage.gaussian_filter(core.astype(float), blur)
    smooth = np.stack([ndimage.gaussian_filter(residual[..., k], blur) for k in range(3)], axis=2)
    smooth /= np.maximum(weight, 1e-6)[..., None]
    fade = np.exp(-((distance / (size * FEATHER / 2)) ** 2))
    completed = base + smooth[nearest[0], nearest[1]] * fade[..., None]
    share = np.clip(inside / BORDER, 0, 1)[..., None]
    return share * painted + (1 - share) * completed
