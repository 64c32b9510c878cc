"""What the photo does not show of a head: skin and hair of the seen colours, a hairline between them, strands."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from ..head.model import FaceModel
from ..head.parts import openness, regions_with_whole_ears
from ..mesh.geometry import sides
from ..mesh.laplacian import factorise
from ..mesh.mesh import Mesh
from ..mesh.texels import TexelMap, bilinear_at_vertices, extend
from ..regions.hair_flow import hair_flow, texel_size
from ..regions.labels import HAIR, OUTER, SKIN
from .hair import HairLook, deep_hair, hair_look, matched, plain_look, strands, to_lab

_SHADE = 0.92  # what the camera does not see is mostly in shade
_LIT = 0.7  # of the face's light, above which the neck's colour counts
_WARM = np.array([0.88, 1.02, 1.05])  # powers of the shade in R, G, B: skin's hollows are red
_SOFT = 0.16  # cm, half the width of the hairline
_TIPS = 0.11  # cm by which strands of relief 1 overshoot the hairline or fall short of it
_WORK_SIDE = 512
_EVEN = 6.0  # smoothing of the labels on the surface, edges squared


def fill_by_region(
    model: FaceModel,
    mesh: Mesh,
    laplacian: sparse.csr_matrix,
    texels: TexelMap,
    colour: np.ndarray,
    weight: np.ndarray,
    labels: np.ndarray,
    fallback: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Complete a photo texture: seen colours stay, hair and skin go on separately up to a hairline.

    Args:
        model: regions. mesh: the fitted head. laplacian: its surface Laplacian. texels: map of size S.
        colour: (S, S, 3) in [0, 255]. weight: (S, S) in [0, 1], how far each texel is seen.
        labels: (S, S) of :func:`.regions.head.head_regions`.
        fallback: (3,) colour in [0, 255] of hair that the texture does not show. seed: of the strands.

    Returns:
        (S, S, 3) in [0, 255].
    """
    is_hair = labels == HAIR
    skin = _skin_field(model, mesh, laplacian, colour, weight * np.isin(labels, (SKIN, OUTER)), is_hair.any())
    fill = texels.interpolate(mesh.triangles, skin)
    lab = to_lab(colour)
    shown = is_hair & (weight > 0.9)
    texel = texel_size(mesh, texels)
    core = deep_hair(shown, texel)
    look = _look(lab, shown, core, texel)
    if look is None and fallback is not None and is_hair.any():
        look = plain_look(fallback)
    if look is not None:
        relief = _relief(mesh, laplacian, texels, lab[..., 0], shown, look, seed)
        share = _hair_share(mesh, laplacian, texels, is_hair, relief)
        wanted = (share > 0) & (weight < 1)
        hair = _hair_colours(mesh, laplacian, texels, lab, core, look)[wanted]
        hair = (
            cv2.cvtColor(
                look.coloured(hair, matched(relief[wanted], look))[None].astype(np.float32), cv2.COLOR_LAB2RGB
            )[0]
            * 255.0
        )
        fill[wanted] += (hair - fill[wanted]) * share[wanted, None]
    return _composed(colour, weight, fill)


def _look(lab: np.ndarray, shown: np.ndarray, core: np.ndarray, texel: float) -> HairLook | None:
    """What the part of the texture that shows hair says of it."""
    if not shown.any():
        return None
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return hair_look(lab[box], shown[box], core[box], texel)


def _hair_share(
    mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, is_hair: np.ndarray, relief: np.ndarray
) -> np.ndarray:
    """(S, S) in [0, 1], soft at the hairline, where strands end a little above or below it."""
    distance = texels.interpolate(mesh.triangles, hairline_distance(mesh, laplacian, is_hair)[:, None])[..., 0]
    share = np.clip(0.5 + (distance + _TIPS * relief) / (2 * _SOFT), 0, 1)
    return share * share * (3 - 2 * share)


def hairline_distance(mesh: Mesh, laplacian: sparse.csr_matrix, is_hair: np.ndarray) -> np.ndarray:
    """(V,) distance from the hairline, cm, positive in the hair; the line is that of the labels, evened out.

    Args:
        is_hair: (S, S) bool.
    """
    inside, _ = bilinear_at_vertices(
        mesh, is_hair[..., None].astype(np.float32), np.ones(is_hair.shape), is_hair.shape[0] / 256
    )
    system = sparse.identity(laplacian.shape[0]) + _EVEN * laplacian
    level = factorise(system).solve(inside[:, 0]) - 0.5
    edges = sides(mesh.triangles)
    first, second = level[edges[:, 0]], level[edges[:, 1]]
    crossing = first * second < 0
    vertices = np.asarray(mesh.vertices, float)
    if not crossing.any():
        return np.where(level > 0, 1e3, -1e3)
    share = (first / (first - np.where(crossing, second, first - 1.0)))[crossing, None]
    line = vertices[edges[crossing, 0]] * (1 - share) + vertices[edges[crossing, 1]] * share
    distance, _ = cKDTree(line).query(vertices)
    return np.sign(level) * distance


def _relief(
    mesh: Mesh,
    laplacian: sparse.csr_matrix,
    texels: TexelMap,
    light: np.ndarray,
    shown: np.ndarray,
    look: HairLook,
    seed: int,
) -> np.ndarray:
    """(S, S) strands along the seen hair's direction and the combed one."""
    step = max(1, texels.triangle.shape[0] // _WORK_SIDE)  # the direction is smooth: a coarse texture will do
    small = (light.shape[1] // step, light.shape[0] // step)
    work = TexelMap(
        *(
            part[step // 2 :: step, step // 2 :: step][: small[1], : small[0]]
            for part in (texels.triangle, texels.barycentric, texels.covered)
        )
    )
    light, known = (cv2.resize(part.astype(np.float32), small, interpolation=cv2.INTER_AREA) for part in (light, shown))
    flow = hair_flow(mesh, laplacian, work, light, known)
    return strands(mesh, texels, flow, look.bands, seed)


def _hair_colours(
    mesh: Mesh, laplacian: sparse.csr_matrix, texels: TexelMap, lab: np.ndarray, core: np.ndarray, look: HairLook
) -> np.ndarray:
    """(S, S, 3) Lab: the seen hair's colours, carried on smoothly and drawn to their median."""
    values, confidence = _at_vertices(mesh, lab, core.astype(float))
    field = extend(laplacian, values, confidence, np.broadcast_to(look.colour, values.shape), pull=1e-2)
    return texels.interpolate(mesh.triangles, field)


def _skin_field(
    model: FaceModel, mesh: Mesh, laplacian: sparse.csr_matrix, colour: np.ndarray, weight: np.ndarray, hairy: bool
) -> np.ndarray:
    """(V, 3) skin over the whole head, darker in the hollows of the ears; a bald scalp keeps its own colour."""
    values, confidence = _at_vertices(mesh, colour, weight)
    region = regions_with_whole_ears(model)
    names = FaceModel.REGIONS
    face = (confidence > 0) & (region == names.index("face"))
    scalp = region == names.index("scalp")
    known = values[face] if face.any() else values[confidence > 0]
    skin = np.median(known, axis=0) if len(known) else np.array([200.0, 160.0, 140.0])
    prior = np.tile(skin * _SHADE, (len(region), 1))
    neck = (confidence > 0) & (region == names.index("neck"))
    below = np.median(values[neck], axis=0) if neck.sum() >= 20 else np.zeros(3)
    if below.sum() > _LIT * skin.sum():  # faces blush more than necks; a neck in deep shade says little
        prior = (prior + below * prior.sum(axis=1, keepdims=True) / below.sum()) / 2
    if not hairy and (scalp & (confidence > 0)).sum() >= 30:
        prior[scalp] = np.median(values[scalp & (confidence > 0)], axis=0)
    pull = np.where(region == names.index("ear"), 2e-2, 1e-2)
    field = extend(laplacian, values, confidence, prior, pull)
    shade = openness(mesh, region == names.index("ear"))[:, None]
    return np.clip(field * shade**_WARM, 0, 255)


def _at_vertices(mesh: Mesh, colour: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, confidence = bilinear_at_vertices(mesh, colour, weight, weight.shape[0] / 200)
    return values, np.where(confidence > 0.6, confidence, 0.0)


def _composed(colour: np.ndarray, weight: np.ndarray, fill: np.ndarray) -> np.ndarray:
    return colour * weight[..., None] + np.clip(fill, 0, 255) * (1 - weight[..., None])
