"""How a portrait is painted, as numbers that forget where things are: colours and perceptual features of its pixels.

Two pictures by one brush have near numbers whoever is shown. Pictures are compared inside the outline of the head
(jaw line and a dome above it) after scaling it to one area, so that neither background nor resolution decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from ...regions.labels import portrait_mask

if TYPE_CHECKING:
    from ...perceptual.perceptual import PerceptualNetwork

SIDE = 160
"""Square root of the pixels inside the outline after scaling; the artworks at hand have about as many."""
_MARGIN = 16
_BINS = 10
_RANGES = ((0.0, 100.0), (-64.0, 64.0), (-64.0, 64.0))  # L, a, b; rarer colours count in the outermost bins


@dataclass(frozen=True)
class Block:
    """One kind of statistic of N pictures.

    Attributes:
        values: (N, D); pictures are compared by Euclidean distance.
        weight: share in the sum of all blocks.
    """

    values: np.ndarray
    weight: float


def portrait_region(
    image: np.ndarray, points: np.ndarray, inside: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The head of a picture at the common size, the rest in the head's mean colour.

    Args:
        image: (H, W, 3) uint8 RGB. points: (68, 2) px.
        inside: (H, W) bool, what may count at all (a render's silhouette).

    Returns:
        (h, w, 3) float32 RGB in [0, 1] and (h, w) bool.

    Raises:
        LandmarkError: no pixel lies inside the outline.
    """
    mask = portrait_mask(points, image.shape[:2])
    if inside is not None and (mask & inside).any():
        mask = mask & inside
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    image, mask = image[window].astype(np.float32) / 255, mask[window]
    image = np.where(mask[..., None], image, image[mask].mean(axis=0))
    factor = SIDE / np.sqrt(mask.sum())
    size = tuple(max(1, round(side * factor)) for side in mask.shape[::-1])
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, size, interpolation=method)
    mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    border = [_MARGIN] * 4
    mean = [float(value) for value in image[mask > 0].mean(axis=0)]
    image = cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=mean)
    return image, cv2.copyMakeBorder(mask, *border, cv2.BORDER_CONSTANT, value=0).astype(bool)


def colour_moments(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(6,) mean and standard deviation of L, a and b (CIE Lab) of the masked pixels of an RGB image in [0, 1]."""
    lab = _lab(image, mask)
    return np.concatenate([lab.mean(axis=0), lab.std(axis=0)])


def colour_histogram(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(1000,) square roots of a joint Lab histogram, so that Euclidean distance is Hellinger's (times sqrt 2).

    The histogram is smoothed by one bin: a colour that falls just beside an edge is no other colour.
    """
    low, high = np.array(_RANGES).T
    places = np.clip(_lab(image, mask), low + 1e-3, high - 1e-3)
    counts, _ = np.histogramdd(places, bins=_BINS, range=_RANGES)
    counts = gaussian_filter(counts, 1.0, mode="nearest")
    return np.sqrt(counts.ravel() / counts.sum())


def feature_moments(image: np.ndarray, mask: np.ndarray, network: PerceptualNetwork) -> list[np.ndarray]:
    """Mean and standard deviation of every channel over the masked cells, (2 C,) for each of the nine taps."""
    import torch
    from torch.nn import functional

    picture = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(network.device)
    share = torch.from_numpy(mask.astype(np.float32))[None, None].to(network.device)
    moments = []
    with torch.no_grad():
        for features in network.features(picture)[1:]:
            weight = functional.adaptive_avg_pool2d(share, features.shape[2:])
            weight = weight / weight.sum()
            features = features.float()
            mean = (features * weight).sum(dim=(2, 3), keepdim=True)
            variance = ((features - mean).square() * weight).sum(dim=(2, 3))
            moments.append(torch.cat([mean[0, :, 0, 0], variance[0].sqrt()]).cpu().numpy().astype(np.float64))
    return moments


def appearance_blocks(regions: list[tuple[np.ndarray, np.ndarray]], network: PerceptualNetwork) -> list[Block]:
    """Statistics of N regions of :func:`portrait_region`: colour weighs as much as the nine taps together."""
    moments = [feature_moments(*region, network) for region in regions]
    taps = len(moments[0])
    return [
        Block(np.stack([colour_moments(*region) for region in regions]), 0.25),
        Block(np.stack([colour_histogram(*region) for region in regions]), 0.25),
        *(Block(np.stack([row[tap] for row in moments]), 0.5 / taps) for tap in range(taps)),
    ]


def block_distances(queries: list[Block], pool: list[Block]) -> np.ndarray:
    """(N, M) distances of N pictures to the M of a pool, 1 being usual between two of the pool.

    ``d^2 = sum_b w_b |x_b - y_b|^2 / s_b^2`` with s_b^2 the mean squared distance within the pool: no block counts
    more for having larger numbers, and nothing is learnt from the queries.
    """
    total = np.zeros((len(queries[0].values), len(pool[0].values)))
    for query, block in zip(queries, pool, strict=True):
        scale = 2.0 * block.values.var(axis=0).sum()  # the mean squared distance of two of them
        if scale > 0:
            total += block.weight * cdist(query.values, block.values, "sqeuclidean") / scale
    return np.sqrt(total)


def _lab(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N, 3) CIE Lab (D65) of the masked pixels; L from 0 to 100."""
    return cv2.cvtColor(image[mask][None].astype(np.float32), cv2.COLOR_RGB2LAB)[0].astype(np.float64)
