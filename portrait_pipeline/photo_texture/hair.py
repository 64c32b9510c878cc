"""Hair where the photo shows none: strands that flow over the head, in the seen hair's contrast and colours.

The strands are a line integral convolution (Cabral and Leedom 1993) of solid noise along the hair's flow on the
surface: noise in head space has neither seam nor stretch, and the flow crosses the layout's borders.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import map_coordinates
from scipy.special import ndtr, ndtri

from ..mesh.geometry import vertex_normals
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap
from ..regions.hair_flow import layout_steps, turned

WIDTHS = (0.12, 0.22, 0.45)  # cm, of the strands of each octave
_LENGTHS = (2.4, 4.8, 4.8)  # cm
_STEP = 0.075  # cm of the shortest step; steps double
_MARGIN = 0.125  # of the layout's side, unfolded beyond its borders
_CELLS = 64  # of the periodic noise
_WAVE, _WAVY = 2.2, 0.14  # cm and radians: locks part and join
_BANDS = (0.0, 0.12, 0.35, 1.1)  # cm: standard deviations of the windows between which the seen hair's bands lie
_QUANTILES = np.linspace(0.02, 0.98, 49)
_TONES = 12
_COARSE = np.array([1.0, 1.0, 0.6])  # light and shade of the seen head are in its coarse band, not only locks
_PLAIN = 3.0  # spread of L in hair that is not seen
_REACH = 3.5  # times half the interquartile range
_DEPTH, _DEEP = 0.5, 0.25  # cm from the edge, and the least share of the seen hair that has to lie deeper


@dataclass(frozen=True)
class HairLook:
    """What the photo shows of the hair.

    Attributes:
        colour: (3,) median, Lab. bands: (3,) robust standard deviation of L, fine to coarse.
        relief: (49,) quantiles of L against its surroundings. light: (N,) rising tones of L. hue: (N, 2) a and b there.
    """

    colour: np.ndarray
    bands: np.ndarray
    relief: np.ndarray
    light: np.ndarray
    hue: np.ndarray

    def coloured(self, base: np.ndarray, relief: np.ndarray) -> np.ndarray:
        """Lab colours (..., 3): lightness ``base`` L + ``relief`` (...), hue moved as the seen hair's moves with L."""
        light = np.clip(base[..., 0] + relief, 1.0, 99.0)
        result = np.empty_like(base)
        result[..., 0] = light
        for channel in range(2):
            curve = self.hue[:, channel]
            moved = np.interp(light, self.light, curve) - np.interp(base[..., 0], self.light, curve)
            result[..., 1 + channel] = base[..., 1 + channel] + moved
        return result


def to_lab(colour: np.ndarray) -> np.ndarray:
    """CIE Lab float32 of colours (H, W, 3) in [0, 255]."""
    return cv2.cvtColor((colour / 255.0).clip(0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)


def deep_hair(shown: np.ndarray, texel: float) -> np.ndarray:
    """(S, S) bool: seen hair (S, S) without its edge, where skin shines through; all of it where little lies deeper.

    Args:
        texel: side of a texel, cm.
    """
    deep = cv2.distanceTransform(shown.astype(np.uint8), cv2.DIST_L2, 3) > _DEPTH / texel
    return deep if deep.sum() > _DEEP * shown.sum() else shown


def plain_look(colour: np.ndarray) -> HairLook:
    """The look of hair of which only a colour (3,) in [0, 255] is known."""
    lab = to_lab(np.asarray(colour, float)[None, None])[0, 0].astype(float)
    relief = _PLAIN * ndtri(_QUANTILES)
    return HairLook(lab, _PLAIN * np.ones(3), relief, lab[0] + relief, np.tile(lab[1:], (len(relief), 1)))


def hair_look(lab: np.ndarray, shown: np.ndarray, core: np.ndarray, texel: float) -> HairLook | None:
    """Measure the seen hair.

    Args:
        lab: (S, S, 3) float32 photo texture. shown: (S, S) bool, where it shows hair.
        core: (S, S) bool of :func:`deep_hair`. texel: side of a texel, cm.

    Returns:
        None where too little hair is seen to tell.
    """
    inside = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    solid = inside & core
    if solid.sum() < 60:
        return None
    mass, levels = shown.astype(np.float32), [lab[..., 0]]
    for sigma in _BANDS[1:]:
        window = (0, 0), max(0.5, sigma / texel)
        total = cv2.GaussianBlur(mass, *window)
        levels.append(cv2.GaussianBlur(lab[..., 0] * mass, *window) / np.maximum(total, 1e-3))
    steps = [(fine - coarse)[solid] for fine, coarse in zip(levels, levels[1:], strict=False)]
    bands = np.array([_spread(step) for step in steps])
    relief = _COARSE @ np.stack(steps)
    low, middle, high = np.quantile(relief, (0.25, 0.5, 0.75))
    reach = _REACH * (high - low) / 2  # an emblem or a ribbon is no strand
    relief = np.clip(np.quantile(relief, _QUANTILES) - middle, -reach, reach)
    colours = lab[solid].astype(float)
    edges = np.quantile(colours[:, 0], np.linspace(0, 1, _TONES + 1))
    tone = np.clip(np.searchsorted(edges, colours[:, 0], side="right") - 1, 0, _TONES - 1)
    means = np.stack([colours[tone == t].mean(axis=0) for t in range(_TONES) if (tone == t).any()])
    return HairLook(np.median(colours, axis=0), bands * _COARSE, relief, means[:, 0], means[:, 1:])


def _spread(values: np.ndarray) -> float:
    return float(np.diff(np.quantile(values, (0.16, 0.84)))[0] / 2)


def strands(mesh: Mesh, texels: TexelMap, flow: np.ndarray, bands: np.ndarray, seed: int = 0) -> np.ndarray:
    """(S, S) relief of hair over the whole surface, of mean 0 and variance about 1.

    Args:
        mesh: the head, in the layout of the face model. texels: its map of size S.
        flow: (V, 3) unit tangents along the hair. bands: (3,) strength of fine, middle and coarse strands.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    vertices = np.asarray(mesh.vertices, float)
    normals = vertex_normals(vertices, mesh.triangles)
    wave = _noise(vertices / _WAVE, rng)
    flow = turned(flow, normals, _WAVY * wave)
    size = texels.triangle.shape[0]
    steps = texels.interpolate(mesh.uv_triangles, layout_steps(mesh, flow)) * size * _STEP
    places = texels.interpolate(mesh.triangles, vertices).astype(np.float32)
    noise = np.stack([_noise(places / width, rng) for width in WIDTHS], axis=-1)
    levels = [max(1, round(np.log2(length / _STEP))) for length in _LENGTHS]
    octaves = _convolved(noise.astype(np.float32), steps.astype(np.float32), levels)
    octaves = (octaves - octaves.mean(axis=(0, 1))) / np.maximum(octaves.std(axis=(0, 1)), 1e-6)
    share = np.asarray(bands, float) / max(float(np.linalg.norm(bands)), 1e-9)
    return octaves @ share.astype(np.float32)


def matched(relief: np.ndarray, look: HairLook) -> np.ndarray:
    """Differences of L with the distribution that the seen hair's have, for a relief of variance 1."""
    return np.interp(ndtr(relief), _QUANTILES, look.relief)


def _noise(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Solid noise of variance about 1 and cell 1 at places (..., 3), on a lattice turned out of the axes."""
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    lattice = rng.normal(0.0, 1.8, (_CELLS,) * 3).astype(np.float32)
    where = (places.reshape(-1, 3) @ turn.astype(places.dtype)).T
    return map_coordinates(lattice, where, order=1, mode="grid-wrap").reshape(places.shape[:-1])


def _convolved(noise: np.ndarray, steps: np.ndarray, levels: list[int]) -> np.ndarray:
    """(S, S, C) means of the channels along the flow over 2^level steps.

    Each round doubles the length: the mean over 2n steps is that over n here and n steps on, and 2n steps are n steps
    twice.

    Args:
        noise: (S, S, C). steps: (S, S, 2) one step, texels. levels: C, rounds for each channel.
    """
    size = noise.shape[0]
    margin = max(2, round(_MARGIN * size))
    noise, steps = _unfolded(noise, margin, 1.0), _unfolded(steps, margin, -1.0)
    rows, columns = np.indices(noise.shape[:2], dtype=np.float32)
    for level in range(max(levels)):
        active = [c for c, rounds in enumerate(levels) if rounds > level]
        target = columns + steps[..., 0], rows + steps[..., 1]
        ahead = cv2.remap(
            np.ascontiguousarray(noise[..., active]), *target, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        noise[..., active] = 0.5 * (noise[..., active] + ahead.reshape(*noise.shape[:2], len(active)))
        steps = steps + cv2.remap(steps, *target, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return noise[margin:-margin, margin:-margin]


def _unfolded(field: np.ndarray, margin: int, sign: float) -> np.ndarray:
    """The layout continued beyond its borders: round the back at u = 0 / 1, over the crown at v = 1 (half a turn).

    Args:
        sign: -1 for vectors in the layout, which half a turn reverses.
    """
    wide = np.concatenate([field[:, -margin:], field, field[:, :margin]], axis=1)
    above = sign * wide[:margin][::-1, ::-1]
    below = np.repeat(wide[-1:], margin, axis=0)
    return np.ascontiguousarray(np.concatenate([above, wide, below], axis=0))
