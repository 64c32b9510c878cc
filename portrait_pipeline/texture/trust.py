"""Where a head's photo texture shows something that is worth keeping."""

from __future__ import annotations

import cv2
import numpy as np

from ..head.model import FaceModel
from ..head.parts import regions_with_whole_ears
from ..mesh.mesh import Mesh
from ..mesh.texels import texel_map
from ..regions.labels import OUTER, SKIN

_NEAR = 5  # texels of 512 beside seen ones that count as seen
_MAP = 512  # texels of the map of the ears


def head_trust(model: FaceModel, mesh: Mesh, labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(S, S) bool: all but skin that was filled in, where strokes may form as they like; ears keep their relief.

    Args:
        labels: (S, S) regions of the head. seen: (S, S) bool, texels that the photo shows.
    """
    size = len(labels)
    texels = texel_map(mesh, min(size, _MAP))
    ears = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]] == FaceModel.REGIONS.index("ear")
    ear = cv2.resize(ears.any(axis=-1).astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST) > 0
    width = 2 * round(_NEAR * size / _MAP / 2) + 1
    near = cv2.dilate(seen.astype(np.uint8), np.ones((width, width), np.uint8)) > 0
    return near | ear | ~np.isin(labels, (SKIN, OUTER))
