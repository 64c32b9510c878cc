"""How far the shell stands before and behind its middle plane: two obstacle problems in u = (depth - plane)^2.

A free membrane of load 4 over a disc is a ball; the screening keeps wide parts flat; the head is what may not come
through. So hair wraps the skull at the thickness its outline shows, and dives under the face where skin is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .domain import Domain, local_width
from .layers import Layers, mouth_room
from .masks import dilate, erode, smoothstep
from .obstacle import membrane_system, solve_obstacle, solve_symmetric
from .skin import Seen, Skin

_FREE = 1e9
TURNED = 12.0  # degrees of yaw beyond which a head has a far side
_HAIR, _CHEST, _BACK = 0.62 * FW, 0.66 * FW, 0.60 * FW  # depth at which hair, chest and back level off
_LONG_SKULL = 1.25  # heads are longer than wide, and so is the hair about them
_LIP, _COAT = 0.05, 0.12  # cm between head and shell: at the border of bare skin, and away from it
_DIVE = 0.45  # slope at which the shell goes down under bare skin
_CLEAR = 0.6  # cm inside the border of bare skin from which it may leave room for the mouth
_SUNK = 0.6  # cm by which short hair's lower edge ends within the head, behind, where nobody in front sees it
_STEEPEST = 3.0  # depth over thickness
_BRIM = 0.5  # cm by which a hat stands off the forehead
_ASIDE = 0.8  # of the way to where it would cover the far cheek
_BLUR_FRONT, _BLUR_BACK = 1.5, 2.5  # px: obstacles leave creases


@dataclass(frozen=True)
class Sheets:
    """The shell's two sheets over the canvas (rows, columns), px.

    Attributes:
        plane: depth of the middle plane.
        front, back: squared distance of either sheet from the plane, 0 outside the domain.
        thickness: of the hair over the skull.
    """

    plane: np.ndarray
    front: np.ndarray
    back: np.ndarray
    thickness: np.ndarray


def shell_sheets(canvas: Canvas, layers: Layers, seen: Seen, skin: Skin, domain: Domain, plane: np.ndarray) -> Sheets:
    """Solve both sheets over a middle plane (rows, columns) of depths."""
    thickness = hair_thickness(canvas, layers, seen, domain)
    load = 4.0 * (_thin_parts(domain.mask) * _lengthened(canvas, layers.covered)) ** 2
    inner = ndimage.distance_transform_edt(domain.mask)
    sheets = []
    bounds = (
        front_bounds(canvas, layers, seen, skin, domain, plane, thickness),
        back_bounds(canvas, layers, skin, domain, plane, thickness),
    )
    for (low, high), torso, blur in zip(bounds, (_CHEST, _BACK), (_BLUR_FRONT, _BLUR_BACK), strict=True):
        u = solve_obstacle(domain.mask, _screening(canvas, torso), load, low, high)
        sheets.append(_uncreased(u, domain.mask, inner, low, high, blur))
    return Sheets(plane, *sheets, thickness)


def middle_plane(canvas: Canvas, ears: np.ndarray, neck: np.ndarray) -> np.ndarray:
    """Depth (rows, columns) of the plane through ears and crown, below the chin of the neck's middle.

    In a turned head the plane turns along, so that the hair of the far side stays at the far side.

    Args:
        ears, neck: (N, 3) vertices, canvas space.
    """
    y, x = canvas.grid()
    low = neck[neck[:, 1] > np.quantile(neck[:, 1], 0.6), 2]
    shoulders = (low.min() + low.max()) / 2
    split = np.median(ears[:, 0])
    left, right = ears[ears[:, 0] < split].mean(axis=0), ears[ears[:, 0] >= split].mean(axis=0)
    slope = np.clip((right[2] - left[2]) / max(right[0] - left[0], 0.2 * FW), -0.55, 0.55)
    # Straight over the skull, level beyond it: locks do not run away from the head.
    offset = 0.5 * FW * np.tanh((x - ears[:, 0].mean()) / (0.5 * FW))
    skull = (left[2] + right[2]) / 2 - 0.04 * FW + slope * offset
    share = smoothstep((y - (canvas.chin[1] - 0.10 * FW)) / (0.45 * FW))
    return (1 - share) * skull + share * shoulders


def hair_thickness(canvas: Canvas, layers: Layers, seen: Seen, domain: Domain) -> np.ndarray:
    """(rows, columns) px: what the matte leaves beside the head's outline, carried smoothly over the head."""
    y, _ = canvas.grid()
    result = np.zeros(layers.covered.shape)
    if not layers.covered.any():
        return result
    beyond = ndimage.distance_transform_edt(seen.person)
    rim = layers.covered & ~erode(layers.covered, 1)
    upper = y < canvas.landmarks[33, 1]
    crown = rim & upper & domain.worn
    usual = np.median(beyond[crown]) if crown.any() else 0.3 * canvas.cm
    value = np.clip(np.where(upper, beyond, usual), 0.3 * canvas.cm, 3.0 * canvas.cm)[layers.covered]
    fixed = rim[layers.covered]
    matrix = membrane_system(layers.covered, np.zeros(layers.covered.shape))[~fixed]
    value[~fixed] = solve_symmetric(matrix[:, ~fixed], -(matrix[:, fixed] @ value[fixed]))
    result[layers.covered] = value
    return result


def front_bounds(
    canvas: Canvas, layers: Layers, seen: Seen, skin: Skin, domain: Domain, plane: np.ndarray, thickness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest u (rows, columns) of the front sheet: over the covered head, under bare skin."""
    cm, bare = canvas.cm, skin.bare
    outer, inner = ndimage.distance_transform_edt(~bare), ndimage.distance_transform_edt(bare)
    rising = 1 - np.exp(-outer / (0.9 * cm))
    hair = np.minimum(thickness, np.where(layers.front_is("scalp"), 1.6, 0.7) * cm)
    brim = _BRIM * cm * (seen.hat > 0.5) * (layers.front_is("face"))
    brim = cv2.GaussianBlur(brim, (0, 0), 0.03 * FW)
    lip = cm * (_LIP + (_COAT - _LIP) * (1 - np.exp(-outer / (0.4 * cm))))
    over = layers.covered & ~bare
    low = np.where(over, _square(layers.front + lip + (0.8 * hair + brim) * rising - plane), 0.0)
    under = layers.front - (_LIP * cm + _DIVE * inner)
    under = np.where(inner > _CLEAR * cm, np.minimum(under, mouth_room(canvas)), under)
    high = np.where(bare, _square(under - plane), _beside_the_far_cheek(canvas, layers, plane))
    high[bare & ~domain.mask] = 0.0
    return low, high


def _beside_the_far_cheek(canvas: Canvas, layers: Layers, plane: np.ndarray) -> np.ndarray:
    """Highest u (rows, columns) of what a turned head shows beyond its far outline; free elsewhere.

    Seen from the head's own front it must not come before the cheek: at most cot(yaw) forward for each px aside.
    """
    free = np.full(layers.covered.shape, _FREE)
    if abs(canvas.yaw) <= TURNED or not layers.covered.any():
        return free
    y, x = canvas.grid()
    distance, (rows, columns) = ndimage.distance_transform_edt(~layers.covered, return_indices=True)
    beyond = ~layers.covered & ((x - 0.5 - columns) * np.sign(canvas.yaw) > 0)
    # A chest stands before its neck, and hair over the crown before the skull's outline.
    off = np.maximum(y - canvas.chin[1], 0.0) + np.maximum(rows + 0.5 - y, 0.0)
    most = layers.front[rows, columns] + _ASIDE * distance / np.tan(np.radians(abs(canvas.yaw))) + 1.5 * off
    return np.where(beyond, _square(most - plane), free)


def back_bounds(
    canvas: Canvas, layers: Layers, skin: Skin, domain: Domain, plane: np.ndarray, thickness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest u (rows, columns) of the back sheet: over scalp and neck, within bare face and ears."""
    y, _ = canvas.grid()
    cm, nape = canvas.cm, domain.nape
    scalp = layers.covered & layers.back_is("scalp", "neck")
    rising = _over_the_nape(canvas, layers, skin, domain)
    # The side of a turned head is seen by those in front: the edge of hair that the photo shows there (over the ear)
    # ends upon the skin, not within. Surfaces are steep there: so thick along the normal is more in depth.
    sides = dilate(layers.exposed & ~skin.bare, 0.4 * cm) & (abs(canvas.yaw) > TURNED)
    sides = cv2.GaussianBlur(sides.astype(float), (0, 0), 0.2 * cm)
    steep = np.clip(np.hypot(1, np.hypot(*np.gradient(layers.back))), 1, _STEEPEST)
    edge = cm * (_COAT * steep * sides - _SUNK * (1 - sides))
    coat = (0.8 * np.minimum(thickness, 1.8 * cm) + _COAT * cm) * rising + edge * (1 - rising)
    surface = layers.back - coat
    low = np.where(scalp, _square(plane - surface), 0.0)
    high = np.full(low.shape, _FREE)
    ear_front = layers.front_is("ear")
    shown = (ear_front & skin.bare).sum() > 0.4 * max(ear_front.sum(), 1) and not domain.long_hair
    held = layers.covered & skin.bare & (layers.back_is("face") | (layers.back_is("ear") & shown))
    if domain.long_hair and abs(canvas.yaw) <= 12:
        held[:] = False
    held &= (y < nape - 0.25 * FW) | (layers.back < plane)
    high[held] = _square(plane - layers.back - 0.25 * cm)[held]
    if not domain.long_hair:
        sunk = scalp & (rising < 1)
        high[sunk] = np.minimum(high, _square(plane - surface + 0.3 * cm * rising) + 4)[sunk]
    return low, high


def _over_the_nape(canvas: Canvas, layers: Layers, skin: Skin, domain: Domain) -> np.ndarray:
    """(rows, columns) 0 to 1: short hair's lower edge sinks into the head over 2.2 cm, instead of ending in a step."""
    y, _ = canvas.grid()
    edge = skin.bare & ~domain.mask & (y < domain.nape - 0.25 * FW) & layers.back_is("scalp", "neck", "ear")
    if domain.long_hair or not edge.any():
        return np.ones(layers.covered.shape)
    share = smoothstep(ndimage.distance_transform_edt(~edge) / (2.2 * canvas.cm))
    return np.where(y < domain.nape - 0.2 * FW, share, 1.0)


def _screening(canvas: Canvas, torso: float) -> np.ndarray:
    """k (rows, columns) = 4 / h^2, h from the hair's depth to the torso's below the chin."""
    y, _ = canvas.grid()
    share = smoothstep((y - (canvas.chin[1] - 0.05 * FW)) / (0.5 * FW))
    return 4 / ((1 - share) * _HAIR + share * torso) ** 2


def _lengthened(canvas: Canvas, covered: np.ndarray) -> np.ndarray:
    """(rows, columns) factor of the depth: hair about the skull is as long as it; locks and all below are round."""
    y, _ = canvas.grid()
    nose, mouth = canvas.landmarks[27, 1], canvas.landmarks[57, 1]
    about = smoothstep(1 - ndimage.distance_transform_edt(~covered) / (0.5 * FW))
    return 1 + (_LONG_SKULL - 1) * about * smoothstep((mouth - y) / (mouth - nose))


def _thin_parts(mask: np.ndarray) -> np.ndarray:
    """(rows, columns) factor of the depth: locks are flat, not round."""
    width = local_width(mask, 0.25 * FW) / (0.26 * FW)
    return cv2.GaussianBlur(0.55 + 0.45 * smoothstep(width), (0, 0), 0.08 * FW)


def _square(distance: np.ndarray) -> np.ndarray:
    return np.maximum(distance, 0.0) ** 2


def _uncreased(
    u: np.ndarray, mask: np.ndarray, inner: np.ndarray, low: np.ndarray, high: np.ndarray, sigma: float
) -> np.ndarray:
    """u blurred where it does not fall to the outline (there it is linear already), and within its bounds again."""
    soft = np.clip(cv2.GaussianBlur(u, (0, 0), sigma), low, np.maximum(high, low))
    share = np.clip(inner / 6, 0, 1)
    return np.where(mask, u * (1 - share) + soft * share, 0.0)
