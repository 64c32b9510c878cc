"""Several pictures of one head in the texture layout made one: photos of other poses, and the mirrored side."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse

from ..base.images import LUMINANCE
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap
from .blending import blended
from .gain import border_gain, log_gain, relit
from .photo_view import PhotoView

_CHOICE = 4.0  # power of a photo's quality in its share: the better one has nearly all
_FIRST = 1.2  # quality of the first photo against an equal one: expressions differ, and its is the head's
_FINE = 1.5  # texels; detail finer than this is sharpness
_BLURRED = 0.35  # least sharpness against the sharpest photo


def merged_photos(
    mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, views: list[PhotoView]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One picture of all photos in the first one's light: (S, S, 3) colours, (S, S) weights and (S, S) hair.

    Each texel is mostly the photo's that shows it best: most pixels a texel, sharpest, most surely seen.
    """
    colour, weight = views[0].colour, views[0].weight
    if len(views) == 1:
        return colour, weight, views[0].hair
    colours, light = [colour], colour
    for view in views[1:]:
        gain = log_gain(mesh, laplacian, light, view.colour, np.minimum(weight, view.weight))
        colours.append(relit(view.colour, mesh, texels, gain))
        share = (view.weight * (1 - weight))[..., None]
        light = light * (1 - share) + colours[-1] * share
        weight = weight + (1 - weight) * view.weight
    shares = _shares(colours, views)
    total = np.sum(shares, axis=0)
    hair = sum(share * view.hair for share, view in zip(shares, views, strict=True)) / np.maximum(total, 1e-9)
    hair = np.where(total > 1e-9, hair, views[0].hair)
    return blended(colours, [view.weight for view in views], shares), weight, hair


def _shares(colours: list[np.ndarray], views: list[PhotoView]) -> list[np.ndarray]:
    sharp = np.array([_sharpness(colour, view.weight) for colour, view in zip(colours, views, strict=True)])
    sharp = np.clip(sharp / max(float(sharp.max()), 1e-9), _BLURRED, 1.0)
    shares = []
    for index, view in enumerate(views):
        detail = np.minimum(view.detail, 2.0)  # more than two pixels a texel show nothing more
        quality = detail * sharp[index] * (_FIRST if index == 0 else 1.0) * view.weight
        shares.append(view.weight * quality**_CHOICE)
    return shares


def _sharpness(colour: np.ndarray, weight: np.ndarray) -> float:
    """Root mean square of the fine band of the luminance over what is well seen, against its mean."""
    light = (colour @ np.array(LUMINANCE)).astype(np.float32)
    fine = light - cv2.GaussianBlur(light, (0, 0), _FINE)
    seen = weight > 0.8
    return float(np.sqrt((fine[seen] ** 2).mean()) / max(float(light[seen].mean()), 1.0)) if seen.any() else 0.0


def mirrored_side(
    mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, colour: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """(S, S, 3) the other side's colours in this side's light (the layout is symmetric about u = 0.5)."""
    other = colour[:, ::-1]
    gain = log_gain(mesh, laplacian, colour, other, np.minimum(weight, weight[:, ::-1]))
    return relit(other, mesh, texels, gain)


def with_other_side(
    mesh: Mesh,
    laplacian: sparse.csr_matrix,
    texels: TexelMap,
    colour: np.ndarray,
    weight: np.ndarray,
    mirrored: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Seen colours completed by the other side's: (S, S, 3) and its weight (S, S)."""
    other = weight[:, ::-1]
    rest = (1 - weight) * other
    mirrored = relit(mirrored, mesh, texels, border_gain(mesh, laplacian, colour, mirrored, weight, other))
    return blended([colour, mirrored], [weight, other], [weight, rest]), np.clip(weight + rest, 0, 1)
