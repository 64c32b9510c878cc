"""From photo, parsing and fitted head to the shell's surface: the steps in their order."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..head.model import FaceModel
from ..perception.parts import Part
from . import parts
from .canvas import FACE_WIDTH as FW
from .canvas import Canvas
from .depth import TURNED, Sheets, middle_plane, shell_sheets
from .domain import Domain, shell_domain
from .extension import body_middle, extend_matte
from .far_side import with_far_side
from .layers import Layers, head_layers
from .skin import Seen, Skin, bare_skin
from .surface import VOXEL, count_allows, surface_of, volume_of

_FOOT = (0.60, 1.08)  # the bust ends at the photo's lower border, but so many face widths below the chin


@dataclass(frozen=True)
class Form:
    """The shell's shape, and what was found on the way (canvas space, see :mod:`.canvas`).

    Attributes:
        vertices: (V, 3) canvas space. triangles: (F, 3) int32.
        middle: x of the body's axis. foot: y of the bust's foot.
    """

    canvas: Canvas
    layers: Layers
    seen: Seen
    skin: Skin
    domain: Domain
    sheets: Sheets
    middle: float
    foot: float
    vertices: np.ndarray
    triangles: np.ndarray


def seen_parts(
    canvas: Canvas,
    layers: Layers,
    photo_shape: tuple[int, ...],
    alpha: np.ndarray,
    probabilities: np.ndarray,
    middle: float,
) -> Seen:
    """Matte and parsing on the canvas.

    Args:
        alpha: (H, W) float32 matte and probabilities: (14, H, W), of the photo. middle: x of the body's axis.
    """
    inside = canvas.inside(photo_shape)
    matte = (canvas.resample(np.asarray(alpha, np.float32)) > 0.5) & inside
    known = canvas.resample(parts.known(probabilities).astype(np.float32)) > 0.5

    def share(classes: int | tuple[int, ...]) -> np.ndarray:
        return canvas.resample(parts.share(probabilities, classes), border=cv2.BORDER_REPLICATE) * inside

    skin, hair, hat, clothes = (share(group) for group in (parts.SKIN, Part.HAIR, Part.HAT, Part.CLOTHES))
    worn = (hair + hat + clothes > 0.5) | ~known
    person = extend_matte(matte, worn, inside, canvas, layers, middle)
    return Seen(inside, known & inside, person, skin, hair, hat, clothes)


def shell_form(
    model: FaceModel,
    canvas: Canvas,
    photo_shape: tuple[int, ...],
    alpha: np.ndarray,
    probabilities: np.ndarray,
    density: float,
) -> Form:
    """Find the shell; arguments as in :func:`seen_parts`, ``density`` as in the parameters."""
    vertices = canvas.vertices

    def region(name: str) -> np.ndarray:
        return vertices[model.regions == model.REGIONS.index(name)]

    neck = region("neck")
    middle = body_middle(canvas, neck)
    layers = head_layers(model, canvas)
    seen = seen_parts(canvas, layers, photo_shape, alpha, probabilities, middle)
    skin = bare_skin(canvas, layers, seen)
    domain = shell_domain(canvas, layers, seen, skin, neck)
    sheets = shell_sheets(canvas, layers, seen, skin, domain, middle_plane(canvas, region("ear"), neck))
    bottom = np.flatnonzero(seen.inside.any(axis=1))[-1] + 1
    foot = canvas.chin[1] + np.clip((bottom - canvas.chin[1]) / FW, *_FOOT) * FW
    skull = region("scalp").mean(axis=0)

    def surface(voxel: float) -> tuple[np.ndarray, np.ndarray]:
        volume = volume_of(canvas, sheets, domain.mask, foot, middle, voxel)
        if abs(canvas.yaw) > TURNED:
            volume = with_far_side(volume, canvas, layers, sheets, skin.bare, domain.mask, skull, domain.long_hair)
        return surface_of(volume)

    voxel = VOXEL / np.sqrt(density)
    places, triangles = surface(voxel)
    coarser = count_allows(len(places), density)
    if coarser > 1:
        places, triangles = surface(voxel * coarser)
    return Form(canvas, layers, seen, skin, domain, sheets, middle, float(foot), places, triangles)
