"""Which texels of a head are skin, hair, eyes, lips or teeth: the model's regions, landmarks, and the photo's parts."""

from __future__ import annotations

import cv2
import numpy as np

from ..head.model import FaceModel
from ..head.parts import regions_with_whole_ears
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, corner_of_vertex, texel_map
from .hair_flow import texel_size
from .labels import HAIR, OUTER, SKIN, disc, mouth_is_open, region_map

_BEHIND = 1.5  # cm
_BALD = 0.2  # of the seen scalp: less hair than that is a bald head's
_ENOUGH = 0.02  # of the scalp that has to be seen for that
_HAIRLINE = 0.6  # cm by which hairlines differ from the model's
_SPECK = 0.006  # of the layout's side


def head_regions(
    model: FaceModel,
    mesh: Mesh,
    size: int,
    hair: np.ndarray | None = None,
    seen: np.ndarray | None = None,
    texels: TexelMap | None = None,
) -> np.ndarray:
    """Label every texel of a head: SKIN (the face), OUTER (neck, ears), HAIR, EYES, LIPS and, in an open mouth, TEETH.

    The scalp is HAIR where the photo does not show bare skin: receding hair is SKIN, hair that hangs over the face is
    no label, for it lies in front of the head. A head whose seen scalp is bare is bald: all its scalp is OUTER.

    Args:
        model: topology, regions, landmarks. mesh: the head. size: S, side of the texture.
        hair: (S, S) probability that a texel shows hair; seen: (S, S) bool, where the photo tells so. Without them
            the whole scalp is HAIR.
        texels: the map of that size, if known.

    Returns:
        (S, S) uint8 labels of :mod:`.labels`.
    """
    places, frame = landmarks_in_layout(mesh, model.landmarks)
    labels = region_map(places * size, (size, size), mouth_is_open(frame))
    texels = texel_map(mesh, size) if texels is None else texels
    scalp = scalp_share(model, mesh, texels, None if seen is None else hair * seen) > 0.5
    shown = scalp & seen if seen is not None else np.zeros_like(scalp)
    bald = shown.sum() > _ENOUGH * scalp.sum() and (hair[shown] > 0.5).mean() < _BALD
    plain = labels == SKIN
    labels[plain & _outer(model, mesh, texels, places)] = OUTER
    if bald:
        labels[plain & scalp] = OUTER
    else:
        bare = shown & (hair < 0.5) if hair is not None else shown
        labels[plain & _tidy(scalp & ~bare)] = HAIR
    return labels


def landmarks_in_layout(mesh: Mesh, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(68, 2) landmarks in the texture image, x right and y down in [0, 1], and (68, 2) in head space, cm."""
    uv = np.asarray(mesh.uv, float)[corner_of_vertex(mesh)[landmarks]]
    return np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1), np.asarray(mesh.vertices, float)[landmarks][:, :2]


def scalp_share(model: FaceModel, mesh: Mesh, texels: TexelMap, hair: np.ndarray | None = None) -> np.ndarray:
    """(S, S) in [0, 1], where hair can grow: the model's scalp without ears, their surroundings and the neck.

    Args:
        hair: (S, S) probability that the photo shows hair: where it does, hairlines may lie a little lower.
    """
    region = regions_with_whole_ears(model)
    scalp = (region == FaceModel.REGIONS.index("scalp")) & ~_below_ears(model, region)
    share = texels.interpolate(mesh.triangles, scalp.astype(float)[:, None])[..., 0]
    if hair is None:
        return share
    return np.where(hair > 0.5, cv2.dilate(share, disc(_HAIRLINE / texel_size(mesh, texels))), share)


def _outer(model: FaceModel, mesh: Mesh, texels: TexelMap, places: np.ndarray) -> np.ndarray:
    """(S, S) bool: ears, neck and what lies below the jaw line."""
    size = texels.triangle.shape[0]
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    outer = np.isin(region, [FaceModel.REGIONS.index(name) for name in ("ear", "neck")]).astype(np.uint8)
    jaw = places[:17] * size
    below = np.concatenate([[[0.0, jaw[0, 1]]], jaw, [[size, jaw[16, 1]], [size, size], [0.0, size]]])
    cv2.fillPoly(outer, [np.rint((below - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return outer > 0


def _below_ears(model: FaceModel, region: np.ndarray) -> np.ndarray:
    """(V,) vertices below the ears' middle and not far behind them: neck, whatever the model calls them."""
    ear = model.mean[region == FaceModel.REGIONS.index("ear")]
    if not len(ear):
        return np.zeros(len(region), bool)
    middle = ear.mean(axis=0)
    return (model.mean[:, 1] < middle[1]) & (model.mean[:, 2] > ear[:, 2].min() - _BEHIND)


def _tidy(hair: np.ndarray) -> np.ndarray:
    """Without specks and pinholes; the layout wraps in u."""
    kernel = disc(_SPECK * len(hair))
    margin = 2 * len(kernel)
    padded = np.pad(
        np.pad(hair.astype(np.uint8), ((0, 0), (margin, margin)), mode="wrap"), ((margin, margin), (0, 0)), "edge"
    )
    tidy = cv2.morphologyEx(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    return tidy[margin:-margin, margin:-margin] > 0
