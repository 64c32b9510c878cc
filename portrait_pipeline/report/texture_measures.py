"""How good a stylised texture is, as numbers: seam, noise, palette, style and content on given views, regions.

Pure functions of arrays; :mod:`.view_losses` measures style and content on views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from ..base.numerics import first_largest
from ..mesh.render import View

SEAM_LIMIT = 1.2
"""Largest acceptable :func:`seam_ratio`."""
_NEIGHBOURS = 8  # columns on either side of the seam
_LEAST_STEP = 0.25  # of 255: a seam in a plain texture should not be judged by rounding
_RARE, _WELL = 0.05, 0.5  # of the median weight of the texels that are seen at all
_PALETTE = 0.01  # share of the artwork's colours that must be near for a colour to count as one of them
_LARGEST = 20_000


def seam_ratio(texture: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Mean colour step across the layout's seam (column S-1 to column 0) over that between neighbouring columns.

    Neighbours are the eight pairs of columns on either side. 1 is a seam nobody can find, :data:`SEAM_LIMIT` the limit.

    Args:
        texture: (S, S, 3) uint8 RGB. rows: (S,) bool, those that belong to the head; all by default.

    Returns:
        A number >= 0; steps below a quarter of a grey level count as that.
    """
    picture = texture.astype(float) if rows is None else texture[rows].astype(float)
    count = min(_NEIGHBOURS, (picture.shape[1] - 1) // 2)
    strip = np.concatenate([picture[:, -count - 1 :], picture[:, : count + 1]], axis=1)
    steps = np.abs(np.diff(strip, axis=1)).mean(axis=(0, 2))
    beside = np.delete(steps, count).mean()
    return float(max(steps[count], _LEAST_STEP) / max(beside, _LEAST_STEP))


def unseen_noise(texture: np.ndarray, weight: np.ndarray) -> float:
    """High-frequency energy of rarely seen texels over that of well-seen ones; far above 1 is leftover noise.

    Energy is the mean square of luminance minus its average over a Gaussian of 1/512 of the texture's side.

    Args:
        texture: (S, S, 3) uint8 RGB. weight: (S, S), how much of the views each texel makes up.

    Returns:
        0 if there are no texels of either kind.
    """
    middle = np.median(weight[weight > 0]) if (weight > 0).any() else 0.0
    rare, well = weight < _RARE * middle, weight >= _WELL * middle
    if not rare.any() or not (well & (weight > 0)).any():
        return 0.0
    light = cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    # The border is left and right of the head's back, one place: it must not count as an edge.
    margin = 8
    wide = np.pad(light, ((0, 0), (margin, margin)), mode="wrap")
    low = cv2.GaussianBlur(wide, (0, 0), max(1.0, texture.shape[0] / 512))[:, margin:-margin]
    energy = (light - low) ** 2
    return float(energy[rare].mean() / max(energy[well].mean(), 1e-8))


def palette_distance(colours: np.ndarray, palette: np.ndarray) -> float:
    """Mean distance of colours to a palette in Lab units (2 is just visible, 10 another tone).

    The distance of one colour is that to the nearest hundredth of the palette: a single odd pixel there is no excuse.

    Args:
        colours: (N, 3) uint8 RGB, for instance of neck and ears. palette: (M, 3), for instance the artwork's skin.

    Returns:
        0 if either is empty.
    """
    if not len(colours) or not len(palette):
        return 0.0
    ours, theirs = (_lab(part[:: max(1, -(-len(part) // _LARGEST))]) for part in (colours, palette))
    distance, _ = cKDTree(theirs).query(ours, k=[max(1, round(_PALETTE * len(theirs)))])
    return float(distance.mean())


def _lab(colours: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(colours[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0].astype(float)


def unseen_views(sampled: Sequence[View], azimuth: float, elevation: float, count: int = 20) -> list[View]:
    """Views for testing: some beyond the sampled range of azimuth by up to ten degrees, the rest between samples.

    The first two are exactly ``azimuth`` + 10 degrees to either side at eye level. Further ones are chosen one by one
    from a grid, each as far as possible from all sampled and chosen views; every third lies beyond the range.

    Args:
        sampled: views that the optimisation used. azimuth, elevation: their range, degrees.
    """
    chosen = [View(-azimuth - 10.0, 0.0), View(azimuth + 10.0, 0.0)][:count]
    inside = _grid(np.linspace(-azimuth, azimuth, 31), elevation)
    beyond = _grid(np.concatenate([np.linspace(azimuth + 4, azimuth + 10, 4) * side for side in (-1, 1)]), elevation)
    while len(chosen) < count:
        candidates = beyond if len(chosen) % 3 == 0 else inside
        taken = np.array([(view.azimuth, view.elevation) for view in [*sampled, *chosen]])
        gap = np.linalg.norm(candidates[:, None] - taken[None], axis=2).min(axis=1)
        chosen.append(View(*map(float, candidates[first_largest(gap)])))
    return chosen


def _grid(azimuths: np.ndarray, elevation: float) -> np.ndarray:
    return np.stack(np.meshgrid(azimuths, np.linspace(-elevation, elevation, 21)), axis=-1).reshape(-1, 2)


@dataclass(frozen=True)
class RegionTransfer:
    """Where a region of the head took its style from.

    Attributes:
        own: style distance to the artwork's same region. others: the least of those to its other regions.
    """

    own: float
    others: float

    @property
    def margin(self) -> float:
        """others / own: above 1 the region is most like its own, as it should be."""
        return self.others / max(self.own, 1e-9)


def summarise_transfer(distances: np.ndarray, names: Sequence[str]) -> dict[str, RegionTransfer]:
    """Own and best other distance of each region.

    Args:
        distances: (R, R) style distances, head's regions x artwork's regions; NaN where one could not be measured.
        names: of the regions.

    Returns:
        By name; regions without own or others are left out.
    """
    found = {}
    for index, (name, row) in enumerate(zip(names, np.asarray(distances, float), strict=True)):
        others = np.delete(row, index)
        others = others[np.isfinite(others)]
        if np.isfinite(row[index]) and len(others):
            found[name] = RegionTransfer(float(row[index]), float(others.min()))
    return found
