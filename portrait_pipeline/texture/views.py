"""The directions from which the head is looked at while its texture is optimised."""

from __future__ import annotations

import numpy as np

from ..mesh.render import Framing, View


def draw_views(count: int, azimuth: float, elevation: float, rng: np.random.Generator) -> list[View]:
    """``count`` views, uniform within +-``azimuth`` and +-``elevation`` degrees, stratified in azimuth.

    Each view takes its own slice of the azimuth range, in random order, so that few views leave no gap.
    """
    slices = (rng.permutation(count) + rng.uniform(size=count)) / count
    heights = (rng.permutation(count) + rng.uniform(size=count)) / count
    return [
        View(float(azimuth * (2 * a - 1)), float(elevation * (2 * e - 1))) for a, e in zip(slices, heights, strict=True)
    ]


def surround_views(count: int, azimuth: float, elevation: float, rng: np.random.Generator) -> list[View]:
    """``count`` views of sides and back, evenly spread from +``azimuth`` round the back to -``azimuth``, jittered."""
    gap = (360.0 - 2 * azimuth) / max(count, 1)
    turns = azimuth + gap * (np.arange(count) + rng.uniform(0.25, 0.75, size=count))
    heights = rng.uniform(-elevation, elevation, size=count)
    return [View(float((a + 180.0) % 360.0 - 180.0), float(e)) for a, e in zip(turns, heights, strict=True)]


def crop_framing(framing: Framing, view: View, x: float, y: float, zoom: float) -> Framing:
    """The part of a view's frame about (x, y) in [-1, 1] (right, up), ``zoom`` times enlarged."""
    shift = np.array([x, y, 0.0]) * framing.half_extent
    return Framing(framing.centre + view.rotation().T @ shift, framing.half_extent / zoom)
