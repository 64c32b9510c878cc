"""A face in a picture: where its points go when the frontal ones change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..deform.targets import landmark_targets
from ..head.camera import AnyCamera
from ..picture.warp import warp_image


@dataclass(frozen=True)
class Face:
    """A face as it was given, and seen from the front.

    Attributes:
        image: (H, W, 3) uint8 RGB, or None where only points were given.
        points: (68, 2) px of ``image``.
        frontal: (68, 2) ``points`` with the pose taken out, in the frame of ``camera.frontal()``.
        landmarks: (68, 3) of the fitted head, head space. camera: of the fit.
        name: for captions. enlarge: factor from ``points`` to pixels of the file at its full size.
    """

    image: np.ndarray | None
    points: np.ndarray
    frontal: np.ndarray
    landmarks: np.ndarray
    camera: AnyCamera
    name: str = ""
    enlarge: float = 1.0

    def moved(self, frontal: np.ndarray) -> np.ndarray:
        """Where the points of the picture (68, 2) go when the frontal ones go to ``frontal`` (68, 2).

        The change becomes one of the fitted head's landmarks, with the depth that the deformation of the head gives
        it (:func:`~portrait_pipeline.deform.targets.landmark_targets`); how far that moves them in the picture is
        added to the picture's own points, so that no change leaves these as they are.
        """
        before, after = (
            self.camera.project(
                landmark_targets(self.landmarks, np.arange(68), self.camera.frontal(), self.frontal, points)
            )[:, :2]
            for points in (self.frontal, np.asarray(frontal))
        )
        return self.points + (after - before)

    def warped(self, frontal: np.ndarray) -> Face:
        """The face with its picture bent to ``frontal`` (68, 2)."""
        points = self.moved(frontal)
        return replace(self, image=warp_image(self.image, self.points, points), points=points, frontal=frontal)
