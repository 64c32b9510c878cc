"""Pictures in the texture layout laid into each other band by band, so that their borders do not show.

Burt and Adelson, "A multiresolution spline with application to image mosaics" (1983): fine detail changes over at
once, broad light and colour over a wide zone. The layout wraps in u.
"""

from __future__ import annotations

import cv2
import numpy as np

_COARSEST = 32  # texels of the coarsest level's side


def blended(colours: list[np.ndarray], weights: list[np.ndarray], shares: list[np.ndarray]) -> np.ndarray:
    """(S, S, 3) float32: pictures mixed by their shares, in a pyramid down to about 32 texels.

    Args:
        colours: (S, S, 3) each. weights: (S, S) each, in [0, 1], how far a picture is known; where it is not, it is
            continued from where it is. shares: (S, S) >= 0 each, how much of each picture is wanted.
    """
    total = np.sum(shares, axis=0)
    result: list[np.ndarray] = []
    masses: list[np.ndarray] = []
    for colour, weight, share in zip(colours, weights, shares, strict=True):
        share = np.where(total > 1e-6, share / np.maximum(total, 1e-6), 1 / len(shares)).astype(np.float32)
        bands = _laplacian(_wrapped(continued(colour, weight)), _levels(len(total)))
        for level, (band, mass) in enumerate(zip(bands, _gaussian(_wrapped(share), len(bands)), strict=True)):
            if level == len(result):
                result.append(np.zeros_like(band))
                masses.append(np.zeros_like(mass))
            result[level] += band * mass[..., None]
            masses[level] += mass
    levels = [band / np.maximum(mass, 1e-3)[..., None] for band, mass in zip(result, masses, strict=True)]
    margin = _margin(total.shape[0])
    return _collapsed(levels)[:, margin:-margin]


def continued(colour: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(S, S, 3) float32: the colours where the weight (S, S) is near 1, elsewhere those of the seen texels about.

    Pull and push: weighted means on ever coarser grids, taken where the finer grid knows nothing.
    """
    weight = weight.astype(np.float32)
    chain = [(colour.astype(np.float32) * weight[..., None], weight)]
    while min(chain[-1][1].shape) > 2:
        chain.append(tuple(cv2.pyrDown(part) for part in chain[-1]))
    top = chain[-1][1].sum()
    field = np.broadcast_to(chain[-1][0].sum(axis=(0, 1)) / max(float(top), 1e-6), chain[-1][0].shape)
    for mass_colour, mass in chain[::-1]:
        field = cv2.resize(np.ascontiguousarray(field), mass.shape[::-1], interpolation=cv2.INTER_LINEAR)
        known = np.clip(4 * mass, 0, 1)[..., None]
        field = field * (1 - known) + known * mass_colour / np.maximum(mass, 1e-6)[..., None]
    known = np.clip(2 * weight, 0, 1)[..., None]
    return colour.astype(np.float32) * known + field * (1 - known)


def _levels(size: int) -> int:
    return max(2, round(np.log2(size / _COARSEST)))


def _margin(size: int) -> int:
    return min(size, 2 ** (_levels(size) + 1))


def _wrapped(picture: np.ndarray) -> np.ndarray:
    margin = _margin(picture.shape[0])
    return np.concatenate([picture[:, -margin:], picture, picture[:, :margin]], axis=1)


def _gaussian(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    chain = [picture]
    while len(chain) < levels:
        chain.append(cv2.pyrDown(chain[-1]))
    return chain


def _laplacian(picture: np.ndarray, levels: int) -> list[np.ndarray]:
    chain = _gaussian(picture, levels)
    fine = [low - cv2.pyrUp(high, dstsize=low.shape[1::-1]) for low, high in zip(chain, chain[1:], strict=False)]
    return [*fine, chain[-1]]


def _collapsed(bands: list[np.ndarray]) -> np.ndarray:
    picture = bands[-1]
    for band in bands[-2::-1]:
        picture = cv2.pyrUp(picture, dstsize=band.shape[1::-1]) + band
    return picture
