"""The single entry: a shell from photo, points, parsing and fitted head, or the reason why there is none."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..head.camera import AnyCamera
from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from .canvas import Canvas
from .charts import box_layout
from .doubts import matte_with_doubts, profile
from .form import Form, shell_form
from .labels import front_labels, hair_length, vertex_labels
from .layers import beneath_ears
from .lookup import colour_lookup
from .painting import paint
from .params import ShellParams
from .pictures import shell_pictures
from .record import Shell
from .relief import with_relief
from .surface import sample


def build_shell(
    model: FaceModel,
    photo: np.ndarray,
    points: np.ndarray,
    probabilities: np.ndarray,
    vertices: np.ndarray,
    camera: AnyCamera,
    params: ShellParams,
    mask: np.ndarray | None = None,
) -> Shell:
    """Find the shell about a fitted head.

    Args:
        model: topology, regions and landmarks of the head.
        photo: (H, W, 3) uint8 RGB. points: (68, 2) px.
        probabilities: (14, H, W) parts of the photo, see :mod:`.parts`.
        vertices: (V, 3) fitted head, head space. camera: head space to the photo's px.
        mask: (H, W) bool or float in [0, 1], the user's matte or alpha channel; it wins.

    Returns:
        The shell, with a note where it is not sure; ``Shell.none`` with the reason where there is none.
    """
    canvas = Canvas.of(model, vertices, camera)
    refusal = profile(canvas)
    if refusal:
        return Shell.none(refusal)
    alpha, note = matte_with_doubts(canvas, model, photo, points, probabilities, mask)
    if alpha is None:
        return Shell.none(note)
    form = shell_form(model, canvas, photo.shape, alpha, probabilities, params.density)
    return _finished(model, form, photo, alpha, params, note)


def _finished(
    model: FaceModel, form: Form, photo: np.ndarray, alpha: np.ndarray, params: ShellParams, note: str
) -> Shell:
    """The record of a shape: labels, colours, relief and UV."""
    front, length = front_labels(form, form.canvas.resample(photo)), hair_length(form)
    pictures = shell_pictures(form, photo, alpha, front, length)
    lookup = colour_lookup(form)
    places = with_relief(form, lookup, pictures, params.relief)
    uv, uv_triangles, _ = box_layout(form.vertices * [1, -1, 1], form.triangles)
    head = form.canvas.to_head(form.canvas.vertices)
    vertices = beneath_ears(model, head, form.canvas.to_head(places)).astype(np.float32)
    mesh = Mesh(vertices, form.triangles, uv.astype(np.float32), uv_triangles)
    texture, seen = paint(mesh, lookup, pictures, params.size)
    return Shell(
        vertices=vertices,
        triangles=form.triangles,
        uv=mesh.uv,
        uv_triangles=uv_triangles,
        labels=vertex_labels(form, front, length),
        texture=texture,
        seen=np.rint(255 * seen).astype(np.uint8),
        facing=lookup.facing.astype(np.float32),
        bare=bare_distance(form),
        note=note,
    )


def bare_distance(form: Form) -> np.ndarray:
    """(V,) float32 of the head's vertices: cm to the border of bare skin in the photo, > 0 on bare skin."""
    bare = form.skin.bare
    signed = ndimage.distance_transform_edt(bare) - ndimage.distance_transform_edt(~bare)
    x, y = form.canvas.vertices[:, 0], form.canvas.vertices[:, 1]
    return (sample(signed, x, y) / form.canvas.cm).astype(np.float32)
