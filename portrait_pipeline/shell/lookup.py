"""Where each vertex of the shell looks up its colour, and how squarely the photo sees it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from ..mesh.render import vertex_normals
from .form import Form
from .surface import sample

_INSET = 2.0  # canvas px inside the outline: colours there are the person's
_PLAIN, _GRAZING = 0.52, 0.20  # |n_z| above which the photo is used, below which only its broad colours


@dataclass(frozen=True)
class Lookup:
    """Per vertex (V,) of the shell before its relief, canvas px.

    Attributes:
        x, y: of the colour. height: the vertex's own y.
        before: depth before the middle plane, < 0 on the back sheet.
        grazing: 0 where the photo sees the surface well, 1 where it is seen at a glance.
        facing: z of the normal, 1 straight at the viewer.
    """

    x: np.ndarray
    y: np.ndarray
    height: np.ndarray
    before: np.ndarray
    grazing: np.ndarray
    facing: np.ndarray


def colour_lookup(form: Form) -> Lookup:
    """Straight through to the photo, but never nearer to the outline than the inset."""
    person = form.domain.mask | form.skin.bare | form.seen.person
    pad = 40
    padded = np.pad(person, pad, mode="edge")
    distance = ndimage.distance_transform_edt(padded)[pad:-pad, pad:-pad]
    down, right = np.gradient(cv2.GaussianBlur(distance, (0, 0), 2.5))
    steepness = np.hypot(right, down) + 1e-6
    trust = np.clip(steepness / 0.5, 0, 1)
    x, y, z = form.vertices.T

    def at(field: np.ndarray) -> np.ndarray:
        return sample(field, x, y).astype(float)

    inwards = np.maximum(_INSET - at(distance), 0) * at(trust)
    normals = vertex_normals(form.vertices * [1, -1, 1], form.triangles)
    grazing = np.clip((_PLAIN - np.abs(normals[:, 2])) / (_PLAIN - _GRAZING), 0, 1)
    return Lookup(
        x + at(right / steepness) * inwards,
        y + at(down / steepness) * inwards,
        y,
        z - at(form.sheets.plane),
        grazing,
        normals[:, 2],
    )
