"""2D before 3D: the photo is redrawn as a picture, then the face model is fitted to it and takes its colours (Fig. 7).

What no photo shows is then made up from painted colours, and a head between two proportions is what a model of real
faces can make of a drawn one: strokes lie on the front like a mask, and the exaggeration is lost in the fit.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...deform.record import DeformedHead
from ...fit.params import FitParams
from ...fit.record import FittedPair
from ...fit.step import fit_pair
from ...head.model import FaceModel
from ...landmarks.record import LocatedPair
from ...perception.part_map import PartMap
from ...photo_texture.params import PhotoTextureParams
from ...photo_texture.step import project_pair
from ...picture.canvas import Canvas
from ...picture.painting import Plan, paint
from ...picture.regions import art_regions, photo_regions
from ...picture.warp import face_flow, read_at
from ...texture.params import TextureParams
from ...texture.result import Stylisation
from ...texture.subject import Subject

_AROUND = 1.1  # of the face's larger side, the part of the photo on each side of its middle


def picture_first(
    model: FaceModel,
    pair: LocatedPair,
    fitted: FittedPair,
    head: DeformedHead,
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """The picture has twice the size of the finest scale; no rendered head guides it.

    Args:
        pair, fitted, head: records of the stages. subject: gives the size of the texture.
    """
    before, after = (fitted.camera.project(part[model.landmarks])[:, :2] for part in (fitted.vertices, head.vertices))
    points = pair.photo_points + after - before
    near, corner = cropped(pair)
    canvas = Canvas.of(near.photo.shape, 2 * params.scales[-1])
    source, target = (canvas.factor * part for part in (near.photo_points, points - corner))
    places = face_flow((canvas.height, canvas.width), source, target)
    content = canvas.within(read_at(canvas.resized(near.photo), places))
    labels, parts = (
        read_at(part, places / canvas.factor, cv2.INTER_NEAREST)
        for part in (photo_regions(near), near.photo_map.labels(near.photo.shape[:2]))
    )
    unguided = np.zeros((canvas.side, canvas.side), np.uint8)
    plan = Plan(canvas, content, canvas.within(labels), target + canvas.margin, content, unguided)
    art = pair.art, pair.art_points, art_regions(pair)
    picture = paint(plan, *art, params, progress, seed=seed, hardware=hardware)
    shown = PartMap.of_labels(parts)
    redrawn = replace(near, photo=picture, photo_points=target, photo_parts=shown.probabilities, photo_grid=shown.grid)
    drawn = fit_pair(model, redrawn, FitParams())
    texture = project_pair(model, redrawn, drawn, PhotoTextureParams(size=subject.parts[0].size)).texture
    return Stylisation([texture], [], drawn.vertices)


def cropped(pair: LocatedPair) -> tuple[LocatedPair, np.ndarray]:
    """The pair with the photo's surroundings of the face alone, and the corner (2,) px at which they begin."""
    points = pair.photo_points
    middle, reach = points.mean(axis=0), _AROUND * float(np.ptp(points, axis=0).max())
    size = pair.photo.shape[1::-1]
    left, top = np.clip(np.rint(middle - reach), 0, size).astype(int)
    right, bottom = np.clip(np.rint(middle + reach), 0, size).astype(int)
    corner = np.array([left, top])
    grid = pair.photo_grid.copy()
    grid[:, 2] += grid[:, :2] @ corner
    matte = pair.photo_matte[top:bottom, left:right] if pair.photo_matte.size else pair.photo_matte
    photo = np.ascontiguousarray(pair.photo[top:bottom, left:right])
    return replace(pair, photo=photo, photo_points=points - corner, photo_grid=grid, photo_matte=matte), corner
