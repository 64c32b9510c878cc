"""Where a person looks, and when it blinks: irises and lids in the picture, and the coefficients that they mean."""

from __future__ import annotations

import cv2
import numpy as np

from ..animation.eyeball import RADIUS, Eyeball, average_eyeball
from ..animation.pose import LOOK_DOWN, LOOK_SIDE, LOOK_UP, look_coefficients
from ..fit.fit import Fit
from ..head.model import FaceModel
from ..head.points import LEFT_EYE, RIGHT_EYE
from .person import Person

OPENINGS = (LEFT_EYE, RIGHT_EYE)
"""The eyes at image left and image right."""
CLOSED = 0.2
"""Height of an eye's opening over its length below which its iris does not tell a direction."""

USUALLY, OPEN, SHUT = 75, 0.9, (0.45, 0.65)
"""The usual opening of an eye, a percentile over the clip; shares of it at which it counts as open, and between which
lies the least opening that counts as shut: rendered lids leave .65 to .7 at a blink, filmed ones .4 to .6. On rendered
heads of known motion the mean error is .03 to .07, where coefficients fitted to the points have .14 to .16."""
_WINK = 0.12  # of the usual opening: so much the eyes differ without a wink, by a turn of the head and by noise
_RADIUS, _NEARER = 0.36, 0.13
"""Radius of the eyeball behind an opening, and how far before the rig's its centre lies, over the opening's length:
those with which rendered heads of known gaze come back (4 to 6 degrees of error), and a turn of the head is not taken
for one of the eyes."""
_PATCH = 48  # px between the corners of an eye set level
_IRIS = 0.21  # radius over the opening's length
_MARGIN = 0.25


def irises(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Middles of the irises: the disk in each opening that is darkest compared with what is about it.

    Args:
        image: (H, W, 3) uint8 RGB. points: (68, 2) px.

    Returns:
        (2, 2) px, the eye at image left first; NaN where an eye is closed.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.stack([_iris(grey, points[eye]) for eye in OPENINGS])


def _iris(grey: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """(2,) px within the opening (6, 2): its corners are the first and the fourth point."""
    along = rim[3] - rim[0]
    length = float(np.hypot(*along))
    height = (np.linalg.norm(rim[1] - rim[5]) + np.linalg.norm(rim[2] - rim[4])) / 2
    if not height > CLOSED * length > 0:
        return np.full(2, np.nan)
    scale = _PATCH / length
    cosine, sine = along / length
    linear = scale * np.array([[cosine, sine], [-sine, cosine]])
    width, tall = round(_PATCH * (1 + 2 * _MARGIN)), _PATCH
    shift = np.array([width, tall]) / 2 - linear @ (rim[0] + rim[3]) / 2
    # pixel centres are half a pixel off OpenCV's indices
    matrix = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])
    patch = cv2.warpAffine(grey, matrix, (width, tall), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    outline = rim @ linear.T + shift
    opening = np.zeros((tall, width), np.uint8)
    cv2.fillPoly(opening, [np.rint((outline - 0.5) * 16).astype(np.int32)], 1, shift=4)
    dark = 1 - patch.astype(np.float32) / 255
    radius = _IRIS * _PATCH
    y, x = np.mgrid[-tall // 2 : tall // 2 + 1, -tall // 2 : tall // 2 + 1].astype(np.float32)
    far = np.hypot(x, y)
    disk = np.clip(radius - far + 0.5, 0, 1)
    ring = np.clip(1.6 * radius - far + 0.5, 0, 1) - disk
    seen = opening.astype(np.float32)
    inside, about = (_mean_under(dark, seen, kernel) for kernel in (disk, ring))
    # A disk that lies mostly under the lids is judged by little: the iris is at least half seen.
    covered = cv2.filter2D(seen, -1, disk, borderType=cv2.BORDER_CONSTANT) / disk.sum()
    score = np.where(covered > 0.35 * covered.max(), inside - about, -np.inf)
    best = np.exp((score - score.max()) / 0.02)
    best /= best.sum()
    middle = np.array(
        [(best.sum(axis=0) * (np.arange(width) + 0.5)).sum(), (best.sum(axis=1) * (np.arange(tall) + 0.5)).sum()]
    )
    return np.linalg.solve(linear, middle - shift)


def _mean_under(values: np.ndarray, seen: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    total = cv2.filter2D(values * seen, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return total / np.maximum(cv2.filter2D(seen, -1, kernel, borderType=cv2.BORDER_CONSTANT), 1e-3 * kernel.sum())


def directions(model: FaceModel, person: Person, seen: np.ndarray) -> np.ndarray:
    """Degrees (T, 2) to image right and up, seen from the head, in which both eyes look; NaN if neither is open.

    Args:
        person: in T frames. seen: (T, 2, 2) px of :func:`irises`.
    """
    fits = person.fits
    places = fits[0].surface.of(model.vertices(fits[0].identity, np.zeros(len(model.expression_names))))
    places = places + person.offsets
    balls = []
    for rim in OPENINGS:
        ball = average_eyeball(places[rim])
        length = ball.radius / RADIUS
        balls.append(Eyeball(ball.centre + [0.0, 0.0, _NEARER * length], _RADIUS * length, ball.stretch))
    result = np.full((len(fits), 2), np.nan)
    for index, (fit, eyes) in enumerate(zip(fits, seen, strict=True)):
        open_eyes = [(ball, iris) for ball, iris in zip(balls, eyes, strict=True) if not np.isnan(iris).any()]
        if open_eyes:
            result[index] = np.mean([_direction(fit, ball, iris) for ball, iris in open_eyes], axis=0)
    return result


def _direction(fit: Fit, ball: Eyeball, iris: np.ndarray) -> np.ndarray:
    """Degrees (2,) to image right and up from the head's own ahead."""
    x, y, _ = fit.camera.project(ball.centre)
    offset = (iris - [x, y]) * [1, -1] / (fit.camera.scale * ball.radius)
    reach = float(np.hypot(*offset))
    offset *= min(1.0, 0.95 / max(reach, 1e-9))
    ahead = np.append(offset, np.sqrt(1 - offset @ offset)) @ fit.camera.rotation
    return np.degrees([np.arctan2(ahead[0], ahead[2]), np.arcsin(ahead[1])])


def with_gaze(names: tuple[str, ...], expression: np.ndarray, gaze: np.ndarray) -> np.ndarray:
    """Expressions (T, E) whose eyes look in directions (T, 2) degrees, as far as eyes turn."""
    expression = expression.copy()
    index = {name: place for place, name in enumerate(names)}
    for row, (x, y) in zip(expression, gaze, strict=True):
        x, y = np.clip(x, -LOOK_SIDE, LOOK_SIDE), np.clip(y, -LOOK_DOWN, LOOK_UP)
        for name, value in look_coefficients(float(x), float(y)).items():
            row[index[name]] = value
    return expression


def openings(points: np.ndarray) -> np.ndarray:
    """(2,) px between the lids, the eye at image left first; points (68, 2) px."""
    return np.array(
        [
            (np.linalg.norm(rim[1] - rim[5]) + np.linalg.norm(rim[2] - rim[4])) / 2
            for rim in (points[eye] for eye in OPENINGS)
        ]
    )


def blinks(height: np.ndarray) -> np.ndarray:
    """Coefficients (T, 2) of closing eyes, from how much lower each opening is than it usually is in the clip.

    The network that reads faces has seen few closed eyes: at a blink it leaves a half to two thirds of the opening.

    Args:
        height: (T, 2) of :func:`openings` over the face's scale.
    """
    share = height / np.maximum(np.percentile(height, USUALLY, axis=0), 1e-9)
    both = share.mean(axis=1, keepdims=True)
    apart = share - both
    share = both + np.sign(apart) * np.maximum(np.abs(apart) - _WINK, 0.0)
    shut = np.clip(np.percentile(share, 2, axis=0), *SHUT)
    return np.clip((OPEN - share) / (OPEN - shut), 0.0, 1.0)
