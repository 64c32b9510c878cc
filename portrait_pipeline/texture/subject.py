"""What is known of a head and its artwork before the optimisation starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..base.device import on_device
from ..base.errors import LandmarkError, ParameterError
from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from ..mesh.render import Framing, frame_head
from ..regions.head import landmarks_in_layout
from ..regions.labels import BACKGROUND, CLOTHES, SKIN, portrait_mask

_ART_MARGIN = 0.12


@dataclass(frozen=True)
class Subject:
    """One head to be stylised.

    Attributes:
        mesh: deformed head with UV, head space.
        photo: (S, S, 3) uint8 RGB, the photo in the UV layout: content and start.
        art: (H, W, 3) uint8 RGB. art_points: (68, 2) px in it.
        labels: (S, S) uint8 regions of the head, art_labels: (H, W) of the artwork; see :mod:`..regions.labels`. With
            only SKIN on the head nothing but the likeness of features decides what is compared with what.
        landmarks: (68,) vertex ids of the mesh; None if places on the face should not guide the matching either.
    """

    mesh: Mesh
    photo: np.ndarray
    art: np.ndarray
    art_points: np.ndarray
    labels: np.ndarray
    art_labels: np.ndarray
    landmarks: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        model: FaceModel,
        vertices: np.ndarray,
        photo: np.ndarray,
        labels: np.ndarray,
        art: np.ndarray,
        art_points: np.ndarray,
        art_labels: np.ndarray,
        regions: bool = True,
    ) -> Subject:
        """A deformed head with its artwork.

        Args:
            model: topology and landmarks. vertices: (V, 3) deformed head.
            photo: (S, S, 3) uint8 texture. labels: (S, S) its regions. art_labels: (H, W) those of the artwork.
            regions: false leaves regions and places out: plain matching by features.

        Raises:
            ParameterError: the photo texture is not a square uint8 image.
        """
        _check(photo)
        mesh = model.mesh(vertices)
        if not regions:
            art_labels = np.where(portrait_mask(art_points, art.shape[:2]), SKIN, BACKGROUND).astype(np.uint8)
            return cls(mesh, photo, art, art_points, np.full(photo.shape[:2], SKIN, np.uint8), art_labels)
        art_labels = np.where(art_labels == CLOTHES, BACKGROUND, art_labels)  # a bare head has nothing to put on
        return cls(mesh, photo, art, art_points, labels, art_labels, model.landmarks)


@dataclass(frozen=True)
class Prepared:
    """A subject with what follows from it, on the device.

    Attributes:
        framing: holds the head in all views. photo: (1, 3, S, S) in [0, 1].
        art, art_points, art_labels: the portrait's part of the artwork, its landmarks and regions.
        places, frame: (68, 2) landmarks in the texture image and frontally in head space, cm; None without landmarks.
        width: of the face, cm.
        style_mean: (3,) mean colour of the usable pixels, in [0, 1]; also the background of all views.
    """

    subject: Subject
    framing: Framing
    photo: torch.Tensor
    art: np.ndarray
    art_points: np.ndarray
    art_labels: np.ndarray
    places: np.ndarray | None
    frame: np.ndarray | None
    width: float
    style_mean: torch.Tensor


def prepare(subject: Subject, elevation: float, device: torch.device) -> Prepared:
    """Frame the head and crop the artwork.

    Raises:
        ParameterError: bad photo texture. LandmarkError: no pixel of the artwork is usable.
    """
    _check(subject.photo)
    mesh = subject.mesh
    framing = frame_head(mesh.vertices, margin=0.02, elevation=elevation)
    art, points, labels = crop_art(subject.art, subject.art_points, subject.art_labels)
    usable = labels != BACKGROUND
    mean = art[usable].mean(axis=0)
    art[~usable] = np.rint(mean).astype(np.uint8)
    places = frame = None
    width = 0.62 * framing.half_extent
    if subject.landmarks is not None:
        places, frame = landmarks_in_layout(mesh, subject.landmarks)
        width = float(np.linalg.norm(frame[16] - frame[0]))
    return Prepared(
        subject,
        framing,
        to_image(subject.photo, device),
        art,
        points,
        labels,
        places,
        frame,
        width,
        on_device(mean / 255.0, device),
    )


def crop_art(art: np.ndarray, points: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The portrait's part of the artwork with some margin: image, points in it, and labels.

    Raises:
        LandmarkError: no pixel is usable.
    """
    usable = labels != BACKGROUND
    if not usable.any():
        raise LandmarkError("landmarks of the artwork: no pixel lies inside the face outline; check the points")
    rows, columns = np.nonzero(usable)
    margin = int(_ART_MARGIN * (columns.max() - columns.min()))
    top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
    bottom, right = rows.max() + margin + 1, columns.max() + margin + 1
    window = (slice(top, bottom), slice(left, right))
    return art[window].copy(), np.asarray(points, float) - [left, top], labels[window]


def to_image(rgb: np.ndarray, device: torch.device) -> torch.Tensor:
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return on_device(rgb, device, np.uint8).permute(2, 0, 1)[None].float() / 255.0


def _check(photo: np.ndarray) -> None:
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.shape[0] != photo.shape[1] or photo.dtype != np.uint8:
        raise ParameterError(
            f"photo texture is {photo.dtype} of shape {photo.shape}: it must be a square uint8 RGB image"
        )
