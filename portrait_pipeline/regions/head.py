"""Which texels of a head are skin, hair, eyes, lips or teeth: the model's regions, the landmarks and the photo."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import expit

from ..head.model import FaceModel
from ..head.parts import regions_with_whole_ears
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, corner_of_vertex, texel_map
from .colour_codes import codebook, describe, guided, learn, likeness
from .labels import HAIR, OUTER, SKIN, disc, mouth_is_open, region_map

_WORK_SIDE = 512
_FACE = 0.55  # of the layout's side, about the width of a face in it
_ROUGHNESS = 2.5  # weight of roughness against Lab: in photos hair is rough and skin smooth
_LIGHT = 0.7  # weight of light on top of the codes' own: photos have highlights and shadows
_BEHIND = 1.5  # cm
_SCALP = 0.52  # prior above which a texel lies well inside the scalp
_FRINGE = 0.2  # prior of hair on the forehead
_BALD = 9.0  # Lab units by which hair must differ from the face


def head_regions(
    model: FaceModel,
    mesh: Mesh,
    texture: np.ndarray,
    landmarks: np.ndarray | None = None,
    seen: np.ndarray | None = None,
) -> np.ndarray:
    """Label every texel of a head: SKIN (the face), OUTER (neck, ears), HAIR, EYES, LIPS and, in an open mouth, TEETH.

    Hair is where the photo shows colours that are the scalp's rather than the face's, fringe included, and all of the
    scalp that the photo does not show. A head whose scalp looks like its face is bald: its scalp is OUTER.

    Args:
        model: topology and regions. mesh: the head, fitted or deformed.
        texture: (S, S, 3) uint8 RGB of :func:`..photo_texture.projection.project_photo`.
        landmarks: (68,) vertex ids; the model's own by default.
        seen: (S, S) bool, where the texture shows the photo itself; without it all texels count as seen.

    Returns:
        (S, S) uint8 labels of :mod:`.labels`.
    """
    size = texture.shape[0]
    places, frame = landmarks_in_layout(mesh, model.landmarks if landmarks is None else landmarks)
    labels = region_map(places * size, (size, size), mouth_is_open(frame))
    work = min(size, _WORK_SIDE)
    texels = texel_map(mesh, work)
    hair, bald = _hair(model, mesh, texels, texture, places, seen)
    outer = _outer(model, mesh, texels, places, bald)
    for share, label in ((outer, OUTER), (hair, HAIR)):
        full = cv2.resize(share.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR) > 0.5
        labels[full & ((labels == SKIN) | (labels == OUTER))] = label
    return labels


def landmarks_in_layout(mesh: Mesh, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(68, 2) landmarks in the texture image, x right and y down in [0, 1], and (68, 2) in head space, cm."""
    uv = np.asarray(mesh.uv, float)[corner_of_vertex(mesh)[landmarks]]
    return np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1), np.asarray(mesh.vertices, float)[landmarks][:, :2]


def _outer(model: FaceModel, mesh: Mesh, texels: TexelMap, places: np.ndarray, bald: bool) -> np.ndarray:
    """(W, W) bool: ears, neck and what lies below the jaw line; of a bald head the scalp too."""
    size = texels.triangle.shape[0]
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    names = ("ear", "neck", "scalp") if bald else ("ear", "neck")
    outer = np.isin(region, [FaceModel.REGIONS.index(name) for name in names]).astype(np.uint8)
    jaw = places[:17] * size
    below = np.concatenate([[[0.0, jaw[0, 1]]], jaw, [[size, jaw[16, 1]], [size, size], [0.0, size]]])
    cv2.fillPoly(outer, [np.rint((below - 0.5) * 16).astype(np.int32)], 1, shift=4)
    return outer > 0


def _hair(
    model: FaceModel, mesh: Mesh, texels: TexelMap, texture: np.ndarray, places: np.ndarray, seen: np.ndarray | None
) -> tuple[np.ndarray, bool]:
    """(W, W) bool, and whether the head is bald."""
    size = texels.triangle.shape[0]
    picture = cv2.resize(texture, (size, size), interpolation=cv2.INTER_AREA)
    shown = (
        np.ones((size, size), bool)
        if seen is None
        else (cv2.resize(seen.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST) > 0)
    )
    region = regions_with_whole_ears(model)
    names = FaceModel.REGIONS
    is_scalp = ((region == names.index("scalp")) & ~_below_ears(model, region)).astype(float)[:, None]
    scalp = texels.interpolate(mesh.triangles, is_scalp)[..., 0]
    here = region[mesh.triangles[texels.triangle]].max(axis=-1)
    prior = _hair_prior(scalp, np.isin(here, (names.index("ear"), names.index("neck"))), places)
    described = describe(picture, _FACE * size, _ROUGHNESS) * (_LIGHT, 1.0, 1.0, 1.0)
    if _separation(described, prior, shown) < _BALD:
        return np.zeros((size, size), bool), True
    codes, centres = codebook(described)
    plain = region_map(places * size, (size, size), teeth=False) == SKIN
    taught = shown & plain & ((prior < 0.05) | (prior > 0.5))  # a forehead in the light is new, but no hair
    histograms = learn(codes, np.stack([1 - prior, prior], axis=-1), taught, likeness(centres), _SCALP)
    evidence = np.log(histograms[1] / histograms[0])[codes].astype(np.float32)
    grey = picture.astype(np.float32).mean(axis=2) / 255.0
    evidence = guided(grey, evidence, max(1, size // 100))
    score = np.clip(evidence, -6, 6) + np.log(prior / (1 - prior))
    return _tidy(np.where(shown | (scalp < 0.5), score > 0, True), prior > _SCALP), False


def _below_ears(model: FaceModel, region: np.ndarray) -> np.ndarray:
    """(V,) vertices below the ears' middle and not far behind them: neck, whatever the model calls them."""
    ear = model.mean[region == FaceModel.REGIONS.index("ear")]
    if not len(ear):
        return np.zeros(len(region), bool)
    middle = ear.mean(axis=0)
    return (model.mean[:, 1] < middle[1]) & (model.mean[:, 2] > ear[:, 2].min() - _BEHIND)


def _separation(described: np.ndarray, prior: np.ndarray, shown: np.ndarray) -> float:
    """How far the scalp's typical colour and roughness lie from the face's, in Lab units; light counts little."""
    scalp, face = (prior > _SCALP) & shown, (prior < 0.05) & (prior > 0.006) & shown
    if not scalp.any() or not face.any():
        return np.inf
    above, below = (np.median(described[part], axis=0) for part in (scalp, face))
    colour = np.hypot(*(above - below)[1:3])
    ratio = abs(np.log2((above[3] + _ROUGHNESS * 0.3) / (below[3] + _ROUGHNESS * 0.3)))
    return 0.7 * abs(above[0] - below[0]) + colour + 4 * ratio


def _hair_prior(scalp: np.ndarray, elsewhere: np.ndarray, places: np.ndarray) -> np.ndarray:
    """(W, W) in (0, 1): high well inside the scalp, low on the face, in between on the forehead (fringes).

    Args:
        scalp: (W, W) in [0, 1], the model's scalp. elsewhere: (W, W) bool, ears and neck. places: (68, 2) in [0, 1].
    """
    size = scalp.shape[0]
    wide = cv2.GaussianBlur(scalp.astype(np.float32), (0, 0), 0.05 * size)
    prior = 0.02 + 0.55 * np.clip((wide - 0.3) / 0.65, 0, 1)
    rows = (np.arange(size)[:, None] + 0.5) / size
    prior = np.where(rows < places[17:27, 1].mean(), np.maximum(prior, _FRINGE), prior)
    face = np.zeros((size, size), np.uint8)
    hull = cv2.convexHull((places * size).astype(np.float32))[:, 0]
    cv2.fillPoly(face, [np.rint((hull - 0.5) * 16).astype(np.int32)], 1, shift=4)
    depth = cv2.distanceTransform(face, cv2.DIST_L2, 3) / size
    prior = np.where(face > 0, np.minimum(prior, 0.01 + 0.9 * _FRINGE * expit((0.02 - depth) / 0.006)), prior)
    return np.where(elsewhere, 0.005, prior)


def _tidy(hair: np.ndarray, scalp: np.ndarray) -> np.ndarray:
    """Without specks, and without pieces that do not hang on the scalp's hair (brows, beards, shadows)."""
    width = max(1, hair.shape[0] // 100)
    kernel = disc(width)
    padded = np.pad(hair.astype(np.uint8), ((0, 0), (4 * width, 4 * width)), mode="wrap")
    padded = np.pad(padded, ((4 * width, 4 * width), (0, 0)), mode="edge")
    tidy = cv2.morphologyEx(cv2.morphologyEx(padded, cv2.MORPH_OPEN, kernel), cv2.MORPH_CLOSE, kernel)
    tidy = tidy[4 * width : -4 * width, 4 * width : -4 * width]
    count, parts = cv2.connectedComponents(tidy, connectivity=4)
    on_scalp = np.bincount(parts[scalp], minlength=count)
    keep = np.flatnonzero(on_scalp > 0.02 * scalp.sum())
    return np.isin(parts, keep[keep > 0])
