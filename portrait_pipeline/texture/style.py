"""Samples of the artwork and their hypercolumns."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch

from ..base.device import on_device
from ..perceptual.hypercolumns import find_taps
from ..perceptual.perceptual import PerceptualNetwork
from ..regions.clothes import ALL_BUT_SKIN, clothes_example, not_skin
from ..regions.labels import BACKGROUND, CLOTHES, HAIR, SKIN, TEETH, TRANSPARENT, disc, face_coordinates
from .pyramid import resize
from .sampling import Samples, draw_pixels, inner, map_sizes, pixel_points
from .subject import Prepared, to_image

_ENLARGEMENT = 1.25  # at most


def draw_style(
    scene: Prepared,
    density: float,
    window: int,
    count: int,
    shares: Mapping[int, float],
    network: PerceptualNetwork,
    generator: torch.Generator,
) -> tuple[torch.Tensor, Samples]:
    """Hypercolumns (M, D) and samples of the artwork at the size at which its face is as large as the rendered one.

    Half of the samples come from the artwork's mirror image: what it has on one side only (the nose's line, a dark
    cheek) is then nothing that one side of the head must have.

    Args:
        density: px a centimetre of the views. window: side of the views, px. count: M. shares: least shares by label;
            that of CLOTHES is met exactly where the scene has some.
    """
    drawn = [
        _draw(scene, density, window, number, shares, network, generator, mirrored)
        for number, mirrored in ((count - count // 2, False), (count // 2, True))
    ]
    columns, samples = zip(*drawn, strict=True)
    joined = (torch.cat([getattr(part, name) for part in samples]) for name in ("points", "region", "position"))
    return torch.cat(columns), Samples(*joined)


def _draw(
    scene: Prepared,
    density: float,
    window: int,
    count: int,
    shares: Mapping[int, float],
    network: PerceptualNetwork,
    generator: torch.Generator,
    mirrored: bool,
) -> tuple[torch.Tensor, Samples]:
    face = np.linalg.norm(scene.art_points[16] - scene.art_points[0])
    factor = min(scene.width * density / face, _ENLARGEMENT)
    height, wide = (max(16, int(round(side * factor))) for side in scene.art.shape[:2])
    device = scene.style_mean.device
    image = resize(to_image(scene.art, device), (height, wide))
    labels = cv2.resize(scene.art_labels, (wide, height), interpolation=cv2.INTER_NEAREST)
    index = _pixels(scene, labels, max(1, window // 128), count, shares, generator, device)
    region = torch.cat(
        [on_device(labels, device, np.uint8).flatten()[index[0]], torch.full_like(index[1], CLOTHES, dtype=torch.uint8)]
    )
    where = pixel_points(torch.cat(index)[None], (height, wide), generator)[0]
    position = torch.zeros_like(where)
    if scene.frame is not None:
        points = scene.art_points * np.array([wide / scene.art.shape[1], height / scene.art.shape[0]])
        pixels = where.double().cpu().numpy() * [wide, height]
        place = face_coordinates(pixels, points, scene.frame) / scene.width
        position = on_device(place * [-1 if mirrored else 1, 1], device)
    if mirrored:
        image, where = image.flip(3), torch.stack([1 - where[:, 0], where[:, 1]], dim=1)
    with torch.no_grad():
        columns = network.columns(image, find_taps(where[None], map_sizes(height, wide)))[0]
    return columns, Samples(where, region, position)


def _beside_skin(labels: np.ndarray, width: int) -> np.ndarray:
    """(H, W) bool skin within ``width`` px of hair, clothes and surroundings: contours are drawn there, and shadows
    cast, that would become strokes across a cheek elsewhere."""
    beyond = np.isin(labels, (HAIR, BACKGROUND, CLOTHES)).astype(np.uint8)
    return (labels == SKIN) & (cv2.dilate(beyond, disc(width)) > 0)


def _pixels(
    scene: Prepared,
    labels: np.ndarray,
    margin: int,
    count: int,
    shares: Mapping[int, float],
    generator: torch.Generator,
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices of pixels, those for clothes apart; ``count`` together."""
    worn = round(count * shares.get(CLOTHES, 0.0)) if scene.clothes else 0
    apart = {label: share for label, share in shares.items() if label != CLOTHES}
    usable = ~np.isin(labels, (BACKGROUND, CLOTHES, TRANSPARENT))
    if not (scene.subject.labels == TEETH).any():
        usable &= labels != TEETH
    usable &= ~_beside_skin(labels, 2 * margin)
    mixed = round(worn * ALL_BUT_SKIN)

    def draw(mask: np.ndarray, number: int, least: Mapping[int, float]) -> torch.Tensor:
        inside = inner(on_device(mask, device, bool)[None], margin)
        return draw_pixels(inside, on_device(labels, device, np.uint8)[None], number, generator, least)[0]

    body = draw(usable, count - worn, apart)
    if not worn:
        return body, body[:0]
    cloth = [draw(clothes_example(labels), worn - mixed, {})]
    if mixed:
        cloth.append(draw(not_skin(labels), mixed, {}))
    return body, torch.cat(cloth)
