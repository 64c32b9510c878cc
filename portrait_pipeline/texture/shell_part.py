"""The shell as a part to be painted: its regions texel by texel, and where the photo is worth keeping."""

from __future__ import annotations

import cv2
import numpy as np

from ..mesh.laplacian import surface_laplacian
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, bilinear_at_vertices, extend, texel_map
from ..regions.labels import CLOTHES, HAIR, OUTER, SKIN
from ..shell.record import CLOTHES as WORN
from ..shell.record import HAIR as GROWN
from ..shell.record import Shell
from .part import Part

_TIDY = 9  # texels of 1024 over which labels are smoothed
_SEEN = 127  # of 255: share of the photo in a texel that counts as seen
_FACING = 0.42  # cosine to the camera from which cloth is seen well
_BEHIND = 0.3  # cosine to the camera below which hair is not seen from the front
_PULL = 2e-3  # of plain cloth towards its median colour
_SOFT = 3 / 1024  # of the texture's side, border of filled cloth
_FEWEST = 500  # texels of cloth that give a median


def shell_part(shell: Shell, vertices: np.ndarray, chin: float) -> Part:
    """The shell on its deformed head.

    Cloth that the photo shows at a glance or not at all becomes a smooth field of the cloth that it does show, and no
    content: strokes may form there, where smears would be kept otherwise.

    Args:
        vertices: (V, 3) of the shell, carried, head space. chin: y of the head's chin, cm: skin above it is SKIN, below
            it OUTER.
    """
    size = len(shell.texture)
    here, rest = shell.mesh(vertices), shell.mesh()
    texels = texel_map(rest, size)
    labels = _labels(shell, texels, np.asarray(vertices, float)[:, 1] > chin)
    seen = shell.seen > _SEEN
    facing = texels.interpolate(shell.triangles, shell.facing[:, None])[..., 0]
    skin = (labels == SKIN) | (labels == OUTER)
    cloth = labels == CLOTHES
    behind = facing < _BEHIND  # hair made up there has strands; in front of that, under the face, it is a plain fill
    trust = np.where(cloth, seen & (facing > _FACING), seen | (~skin & behind))
    photo = _plain_cloth(rest, texels, shell.texture, cloth, trust)
    return Part(here, photo, labels, trust, texels.covered)


def _labels(shell: Shell, texels: TexelMap, above: np.ndarray) -> np.ndarray:
    """(S, S) uint8 regions: the label with the largest share of the three corners; ``above`` (V,) the chin."""
    kinds = np.stack([shell.labels == kind for kind in range(3)], axis=1)
    kind = texels.interpolate(shell.triangles, kinds).argmax(axis=-1)
    face = texels.interpolate(shell.triangles, above[:, None])[..., 0] > 0.5
    labels = np.where(kind == GROWN, HAIR, np.where(kind == WORN, CLOTHES, np.where(face, SKIN, OUTER)))
    width = max(3, round(_TIDY * len(labels) / 1024) // 2 * 2 + 1)
    return cv2.medianBlur(labels.astype(np.uint8), width)


def _plain_cloth(mesh: Mesh, texels: TexelMap, texture: np.ndarray, cloth: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """(S, S, 3) uint8: the texture with cloth that is not trusted filled from the cloth that is."""
    wanted = cloth & ~trust
    if not wanted.any():
        return texture
    known = cloth & trust & texels.covered
    median = np.median(texture[known if known.sum() > _FEWEST else cloth], axis=0)
    size = len(texture)
    values, mass = bilinear_at_vertices(mesh, texture.astype(np.float32), known.astype(np.float32), size / 256)
    prior = np.broadcast_to(median, values.shape)
    field = extend(surface_laplacian(mesh), values, np.where(mass > 0.6, mass, 0.0), prior, _PULL)
    fill = texels.interpolate(mesh.triangles, field)
    share = cv2.GaussianBlur(wanted.astype(np.float32), (0, 0), max(0.5, _SOFT * size))[..., None] * cloth[..., None]
    return np.clip(np.rint(texture * (1 - share) + fill * share), 0, 255).astype(np.uint8)
