"""Strands and folds: light and shade of the pictures, engraved along the normals."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from ..mesh.render import vertex_normals
from .canvas import FACE_WIDTH as FW
from .form import Form
from .lookup import Lookup
from .pictures import FINER, Pictures
from .surface import sample

_DEPTH = 0.065  # cm for one deviation of the light
_FINE, _COARSE = (0.012, 0.045), (0.03, 0.12)  # Gaussians whose differences are taken, in face widths
_COARSE_WEIGHT = 1.3
_CLOTHES, _BEHIND = 0.5, 0.6  # shallower below the chin, and behind, where the light is invented


def with_relief(form: Form, lookup: Lookup, pictures: Pictures, strength: float) -> np.ndarray:
    """Vertices (V, 3) canvas space; nothing moves beside bare skin, where the shell meets the face."""
    if strength == 0:
        return form.vertices
    x, y = lookup.x * FINER, lookup.y * FINER
    height = np.where(lookup.before > 0, sample(_light(pictures.front), x, y), sample(_light(pictures.back), x, y))
    at = form.vertices[:, 0], form.vertices[:, 1]
    away = sample(ndimage.distance_transform_edt(~form.skin.bare), *at)
    height *= np.where(lookup.before > 0, np.clip((away - 1) / (0.04 * FW), 0, 1), 1)
    side = np.clip(strand_at(pictures, lookup), -2, 2)
    side *= np.clip((away - 1) / (0.04 * FW), 0, 1)
    height *= np.where(lookup.before > 0, 1, _BEHIND)
    height = height * (1 - lookup.grazing) + 1.1 * side * lookup.grazing
    height *= np.clip((form.foot - form.vertices[:, 1]) / (0.1 * FW), 0, 1)
    height *= np.where(form.vertices[:, 1] > form.canvas.chin[1] + 0.15 * FW, _CLOTHES, 1)
    normals = vertex_normals(form.vertices * [1, -1, 1], form.triangles) * [1, -1, 1]
    return form.vertices + normals * (strength * _DEPTH * form.canvas.cm * height)[:, None]


def strand_at(pictures: Pictures, lookup: Lookup) -> np.ndarray:
    """(V,) the strands' texture wrapped about the sides: by height and depth instead of height and width."""
    middle = pictures.strands.shape[1] / 2
    columns = np.clip(lookup.before * FINER + middle, 1, pictures.strands.shape[1] - 1)
    return sample(pictures.strands, columns, lookup.height * FINER)


def _light(picture: np.ndarray) -> np.ndarray:
    """(rows, columns) light and shade of a picture in its usual deviation, fine and coarse."""
    lab = cv2.cvtColor(np.clip(picture / 255, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)[..., 0]

    def band(inner: float, outer: float, least: float, most: float) -> np.ndarray:
        width = FINER * FW
        value = cv2.GaussianBlur(lab, (0, 0), inner * width) - cv2.GaussianBlur(lab, (0, 0), outer * width)
        return np.clip(value / max(least, 1.5 * float(np.median(np.abs(value)))), -most, most)

    return band(*_FINE, 1.0, 2.5) + _COARSE_WEIGHT * band(*_COARSE, 1.5, 2.0)
