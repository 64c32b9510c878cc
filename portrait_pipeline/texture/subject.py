"""What is known of a head and its artwork before the optimisation starts."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..base.device import on_device
from ..base.errors import LandmarkError
from ..head.model import FaceModel
from ..mesh.mesh import Mesh
from ..mesh.render import Framing, frame_head
from ..regions.clothes import clothes_example
from ..regions.head import landmarks_in_layout
from ..regions.labels import BACKGROUND, CLOTHES, SKIN, TRANSPARENT, portrait_mask
from .even_light import even_light, soften_relief
from .part import Part
from .trust import head_trust

_ART_MARGIN = 0.12


@dataclass(frozen=True)
class Subject:
    """What is stylised as one: a head, or a head and its shell.

    Attributes:
        parts: the head first.
        art: (H, W, 3) uint8 RGB. art_points: (68, 2) px in it.
        art_labels: (H, W) uint8 regions of the artwork; see :mod:`..regions.labels`. With only SKIN on the head nothing
            but the likeness of features decides what is compared with what.
        landmarks: (68,) vertex ids of the head; None if places on the face should not guide the matching either.
    """

    parts: tuple[Part, ...]
    art: np.ndarray
    art_points: np.ndarray
    art_labels: np.ndarray
    landmarks: np.ndarray | None = None

    @property
    def mesh(self) -> Mesh:
        """The head's."""
        return self.parts[0].mesh

    @property
    def photo(self) -> np.ndarray:
        """(S, S, 3) the head's photo texture."""
        return self.parts[0].photo

    @property
    def labels(self) -> np.ndarray:
        """(S, S) the head's regions."""
        return self.parts[0].labels

    def joined_by(self, *parts: Part) -> Subject:
        """The same head with further parts about it."""
        return replace(self, parts=(*self.parts, *parts))

    @classmethod
    def of(
        cls,
        model: FaceModel,
        vertices: np.ndarray,
        photo: np.ndarray,
        seen: np.ndarray | None,
        labels: np.ndarray,
        art: np.ndarray,
        art_points: np.ndarray,
        art_labels: np.ndarray,
        regions: bool = True,
    ) -> Subject:
        """A deformed head with its artwork.

        Args:
            model: topology, regions and landmarks. vertices: (V, 3) deformed head.
            photo: (S, S, 3) uint8 texture. seen: (S, S) bool, texels that the photo shows; None is all.
            labels: (S, S) regions of the texture. art_labels: (H, W) those of the artwork.
            regions: false leaves regions and places out: plain matching by features.

        Raises:
            ParameterError: the photo texture is not a square uint8 image.
        """
        mesh = model.mesh(vertices)
        plain = Part(mesh, photo, np.full(photo.shape[:2], SKIN, np.uint8))
        plain.check()
        if not regions:
            art_labels = np.where(portrait_mask(art_points, art.shape[:2]), SKIN, BACKGROUND).astype(np.uint8)
            return cls((plain,), art, art_points, art_labels)
        head = replace(plain, labels=labels, trust=None if seen is None else head_trust(model, mesh, labels, seen))
        return cls((head,), art, art_points, art_labels, model.landmarks)


@dataclass(frozen=True)
class Prepared:
    """A subject with what follows from it, on the device.

    Attributes:
        framing: holds the head in all views; whole: holds all parts.
        photos: (1, 3, S, S) of each part, in [0, 1]; the face's light is evened where its regions are known.
        art, art_points, art_labels: the portrait's part of the artwork, its landmarks and regions.
        places, frame: (68, 2) landmarks in the texture image and frontally in head space, cm; None without landmarks.
        width: of the face, cm.
        clothes: whether any part has some, so that the artwork must give an example.
        style_mean: (3,) mean colour of skin and hair, in [0, 1]; also the background of all views.
    """

    subject: Subject
    framing: Framing
    whole: Framing
    photos: list[torch.Tensor]
    art: np.ndarray
    art_points: np.ndarray
    art_labels: np.ndarray
    places: np.ndarray | None
    frame: np.ndarray | None
    width: float
    clothes: bool
    style_mean: torch.Tensor

    @property
    def meshes(self) -> list[Mesh]:
        """Of all parts."""
        return [part.mesh for part in self.subject.parts]


def prepare(subject: Subject, elevation: float, device: torch.device, even: bool = True) -> Prepared:
    """Frame the head and crop the artwork.

    Args:
        even: whether the light of the face's photo is evened, see :mod:`.even_light`.

    Raises:
        ParameterError: bad photo texture. LandmarkError: no pixel of the artwork is usable.
    """
    for part in subject.parts:
        part.check()
    mesh = subject.mesh
    framing = frame_head(mesh.vertices, margin=0.02, elevation=elevation)
    everything = np.concatenate([np.asarray(part.mesh.vertices, float) for part in subject.parts])
    whole = frame_head(everything, margin=0.03, elevation=elevation)
    clothes = any((part.labels == CLOTHES).any() for part in subject.parts)
    worn = subject.art_labels == CLOTHES
    wanted = subject.art_labels if clothes else np.where(worn, BACKGROUND, subject.art_labels)
    art, points, labels = crop_art(subject.art, subject.art_points, wanted)
    usable = ~np.isin(labels, (BACKGROUND, CLOTHES, TRANSPARENT))
    if not usable.any():
        usable = ~np.isin(labels, (BACKGROUND, TRANSPARENT))
    mean = art[usable].mean(axis=0)
    art[labels == TRANSPARENT] = np.rint(mean).astype(np.uint8)  # the network sees across the outline
    if not clothes:
        art[~usable] = np.rint(mean).astype(np.uint8)
    elif not (clothes_example(labels) & (labels == CLOTHES)).any():
        labels = np.where(labels == CLOTHES, BACKGROUND, labels)
    places = frame = None
    width = 0.62 * framing.half_extent
    photos = [part.photo for part in subject.parts]
    if subject.landmarks is not None:
        places, frame = landmarks_in_layout(mesh, subject.landmarks)
        if even:
            photos[0] = even_light(photos[0], subject.labels, subject.parts[0].trust)
            photos[0] = soften_relief(photos[0], subject.labels, places)
        width = float(np.linalg.norm(frame[16] - frame[0]))
    return Prepared(
        subject,
        framing,
        whole,
        [to_image(photo, device) for photo in photos],
        art,
        points,
        labels,
        places,
        frame,
        width,
        clothes,
        on_device(mean / 255.0, device),
    )


def crop_art(art: np.ndarray, points: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The portrait's part of the artwork with some margin: image, points in it, and labels.

    Raises:
        LandmarkError: no pixel is usable.
    """
    usable = ~np.isin(labels, (BACKGROUND, TRANSPARENT))
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
