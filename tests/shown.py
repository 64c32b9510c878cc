"""What pictures of tests show, without reading them: parts by drawing, records of pairs, subjects to stylise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from portrait_pipeline.head.model import FaceModel
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.perception.part_map import PartMap
from portrait_pipeline.perception.parts import Part
from portrait_pipeline.regions.artwork import portrait_regions
from portrait_pipeline.regions.head import head_regions
from portrait_pipeline.regions.labels import portrait_mask
from portrait_pipeline.texture.subject import Subject


def parts_of(shape: tuple[int, ...], mask: np.ndarray | None = None) -> PartMap:
    """Skin where the mask (H, W) says, or everywhere; background elsewhere."""
    inside = np.ones(shape[:2], bool) if mask is None else mask
    return PartMap.of_labels(np.where(inside, Part.SKIN, Part.BACKGROUND).astype(np.uint8))


def located(
    photo: np.ndarray,
    art: np.ndarray,
    photo_points: np.ndarray,
    art_points: np.ndarray,
    more_photos: Sequence[np.ndarray] = (),
    more_points: Sequence[np.ndarray] = (),
) -> LocatedPair:
    """A pair whose pictures show nothing but skin."""
    whole = parts_of((8, 8))
    return LocatedPair(
        photo=photo,
        art=art,
        photo_points=photo_points,
        art_points=art_points,
        photo_errors=np.zeros(68),
        art_errors=np.zeros(68),
        photo_doubt=-4.5,
        art_doubt=-4.0,
        photo_source="test",
        art_source="test",
        photo_turn=0,
        art_turn=0,
        photo_parts=whole.probabilities,
        art_parts=whole.probabilities,
        photo_grid=_over(photo),
        art_grid=_over(art),
        more_photos=tuple(more_photos),
        more_points=tuple(more_points),
        more_errors=tuple(np.zeros(68) for _ in more_photos),
        more_parts=tuple(whole.probabilities for _ in more_photos),
        more_grids=tuple(_over(image) for image in more_photos),
    )


def _over(image: np.ndarray) -> np.ndarray:
    return np.array([[8 / image.shape[1], 0.0, 0.0], [0.0, 8 / image.shape[0], 0.0]])


def subject_of(
    model: FaceModel, vertices: np.ndarray, photo: np.ndarray, art: np.ndarray, points: np.ndarray, regions: bool = True
) -> Subject:
    """A head with hair all over its scalp, and an artwork that shows skin inside the outline of its points."""
    labels = head_regions(model, model.mesh(vertices), len(photo))
    art_labels = portrait_regions(art, points, parts_of(art.shape, portrait_mask(points, art.shape[:2])))
    return Subject.of(model, vertices, photo, None, labels, art, points, art_labels, regions)
