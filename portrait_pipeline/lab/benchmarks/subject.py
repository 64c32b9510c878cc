"""Heads to measure with, without trained networks: the bundled samples, or made up."""

from __future__ import annotations

import cv2
import numpy as np

from ...fit.params import FitParams
from ...fit.step import fit_pair
from ...head.model import FaceModel
from ...landmarks.params import LandmarksParams
from ...landmarks.step import locate_pair
from ...photo_texture.params import PhotoTextureParams
from ...photo_texture.step import project_pair
from ...regions.artwork import portrait_regions
from ...regions.head import head_regions
from ...regions.labels import BACKGROUND, SKIN, portrait_mask
from ...samples.sources import resolve
from ...texture.subject import Subject

PHOTO, ART = "sample:astronaut", "sample:ink_caricature"


def sample_subject(model: FaceModel, size: int, regions: bool) -> Subject:
    """The sample photo on the head fitted to it, undeformed, with the sample artwork; ``size`` texels a side."""
    pair = locate_pair(resolve(PHOTO).path, resolve(ART).path, LandmarksParams())
    fitted = fit_pair(model, pair, FitParams())
    photo = project_pair(model, pair, fitted, PhotoTextureParams(size=size))
    labels = portrait_regions(pair.art, pair.art_points, pair.art_map)
    drawn = pair.art, pair.art_points, labels
    return Subject.of(model, fitted.vertices, photo.texture, photo.seen, photo.labels, *drawn, regions)


def synthetic_subject(model: FaceModel, size: int, regions: bool) -> Subject:
    """The mean head, a skin-coloured photo of waves, and an artwork of blotches in the shape of a face."""
    rng = np.random.default_rng(0)
    u, v = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size])
    texture = np.tile([200.0, 150.0, 125.0], (size, size, 1))
    for _ in range(12):
        wave = np.cos(2 * np.pi * (rng.integers(1, 24) * u + rng.integers(0, 24) * v) + rng.uniform(0, 6))
        texture += wave[..., None] * rng.uniform(-9, 9, size=3)
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 24 + [300, 340]
    blotches = [cv2.GaussianBlur(rng.normal(0, 1, (640, 600, 3)), (0, 0), s) * s for s in (1.5, 4.0, 12.0)]
    art = np.array([150.0, 110.0, 70.0]) + 70.0 * np.sum(blotches, axis=0)
    for curve in (points[:17], points[17:22], points[22:27], points[27:31], points[31:36], points[48:60]):
        cv2.polylines(art, [np.rint(curve).astype(np.int32)], False, (25, 15, 30), 5)
    texture, art = (np.clip(np.rint(picture), 0, 255).astype(np.uint8) for picture in (texture, art))
    labels = np.where(portrait_mask(points, art.shape[:2]), SKIN, BACKGROUND).astype(np.uint8)
    return Subject.of(
        model,
        model.mean,
        texture,
        None,
        head_regions(model, model.mesh(model.mean), size),
        art,
        points,
        labels,
        regions,
    )
