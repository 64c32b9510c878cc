"""Faces turned away by known angles: painted heads of the face model, with the points that an annotator would put."""

from __future__ import annotations

import numpy as np

from ...head.model import FaceModel
from ...head.points import eye_distance
from .known_heads import annotate, annotated_face
from .landmark_errors import Accuracy, Method, measure
from .painted_heads import paint_head, photograph

_TEXELS, _SIDE = 512, 256  # of a head's texture, and of its pictures, px


def measure_turned(method: Method, model: FaceModel, heads: int, yaw: float) -> Accuracy:
    """A method on pictures (256 px, over a patchwork of colours, hair over one cheek) of heads that turn by ``yaw``.

    Errors are shares of the distance of the outer eye corners that the same head has seen from the front, for the
    distance seen shrinks as the head turns.

    Args:
        heads: number of painted heads, the same for every angle. yaw: degrees, positive to image right.
    """
    edges = annotated_face(model)
    pictures, truth, units = [], [], []
    for index in range(heads):
        head = paint_head(model, index, _TEXELS, np.random.default_rng(index))
        camera, picture = photograph(head, yaw, _SIDE, np.random.default_rng([index, round(yaw) % 360]))
        pictures.append(picture)
        truth.append(annotate(model, head.mesh.vertices, camera, edges))
        units.append(eye_distance(camera.frontal().project(head.mesh.vertices[model.landmarks])[:, :2]))
    names = [f"head {index} at {yaw:g} degrees" for index in range(heads)]
    return measure(method, names, pictures, np.array(truth), units=np.array(units))
