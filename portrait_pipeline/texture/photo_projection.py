"""The photo in the UV layout: seen texels from the photo, the rest from the mirrored side and a smooth fill."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from ..errors import InputFileError, ParameterError
from ..face_model import Camera, FaceModel
from ..mesh import Mesh
from ..mesh.render import vertex_normals
from ..params import PhotoTextureParams
from .head_parts import regions_with_whole_ears
from .regions_head import head_regions
from .segmentation import person_mask
from .surface import TexelMap, bilinear_at_vertices, extend, surface_laplacian, texel_map
from .unseen import fill_by_region, plain_fill, skin_distance, without_bleeding

_GRAZING, _FACING = 0.10, 0.36  # cosine between normal and view: nothing below the first, full weight above the second


@dataclass(frozen=True)
class _Projection:
    """Per texel: photo position (S, S, 2) px, colour (S, S, 3) in [0, 255], weight (S, S) in [0, 1]."""

    position: np.ndarray
    colour: np.ndarray
    weight: np.ndarray


def project_photo(
    model: FaceModel, vertices: np.ndarray, camera: Camera, image: np.ndarray, params: PhotoTextureParams
) -> tuple[np.ndarray, np.ndarray]:
    """Carry a photo into the canonical texture.

    A texel counts as seen where its surface point faces the camera, is not hidden by the head, lies inside the photo
    and on the person (not on background or clothes); its colour is an area average of the photo. Unseen texels take the
    other side's colour, corrected by a smooth offset that agrees with the seen colours. What neither side shows
    is skin and hair of the seen colours, parted by a hairline; the hair has strands (see :mod:`.unseen`).

    Args:
        model: topology, UV (symmetric about u = 0.5), regions and landmarks.
        vertices: (V, 3) fitted head, head space.
        camera: head space to the photo's pixels.
        image: (H, W, 3) uint8 RGB.
        params: section ``photo_texture``.

    Returns:
        (S, S, 3) uint8 RGB texture and (S, S) bool, true where the photo itself is seen.

    Raises:
        ParameterError: the image is not uint8 RGB. InputFileError: the fitted head lies outside the photo.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ParameterError(f"photo is {image.dtype} of shape {image.shape}: it must be a uint8 RGB image")
    mesh = model.mesh(np.asarray(vertices, float))
    texels = texel_map(mesh, params.size)
    projection = _project(model, mesh, texels, camera, image)
    if (projection.weight > 0.5).sum() < 0.02 * params.size**2:
        raise InputFileError("photo: the fitted head is hardly visible in it; check the landmarks of the photo")
    laplacian = surface_laplacian(mesh)
    colour, weight = _with_mirror(mesh, laplacian, texels, projection)
    plain = _rounded(plain_fill(model, mesh, laplacian, texels, colour, weight))
    labels = head_regions(model, mesh, plain, seen=weight > 0.5)
    kept = without_bleeding(model, mesh, texels, colour, weight, labels)
    texture = fill_by_region(model, mesh, laplacian, texels, colour, kept, labels)
    return _rounded(texture), np.minimum(projection.weight, kept) > 0.5


def _rounded(texture: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(texture), 0, 255).astype(np.uint8)


def _project(model: FaceModel, mesh: Mesh, texels: TexelMap, camera: Camera, image: np.ndarray) -> _Projection:
    projected = camera.project(mesh.vertices)
    position = texels.interpolate(mesh.triangles, projected[:, :2])
    height, width = image.shape[:2]
    person = person_mask(image, _silhouette(projected, mesh, (height, width)), projected[model.landmarks, :2])
    colour = _sample_photo(image, position, _stretch(mesh, projected, texels))
    inside = np.minimum.reduce(
        [position[..., 0], position[..., 1], width - position[..., 0], height - position[..., 1]]
    )
    weight = _facing(mesh, texels, camera)
    weight = weight * _visible(mesh, texels, camera, weight > 0)
    weight = weight * np.clip(inside - 1.0, 0, 1) * _bilinear(person[..., None], position)[..., 0]
    weight = weight * _plausible_skin(model, texels, mesh, colour, weight)
    return _Projection(position, colour, _feather(weight))


def _facing(mesh: Mesh, texels: TexelMap, camera: Camera) -> np.ndarray:
    normals = texels.interpolate(mesh.triangles, vertex_normals(mesh.vertices, mesh.triangles) @ camera.rotation.T)
    cosine = normals[..., 2] / np.maximum(np.linalg.norm(normals, axis=-1), 1e-9)
    share = np.clip((cosine - _GRAZING) / (_FACING - _GRAZING), 0, 1)
    return share * share * (3 - 2 * share)


def _visible(mesh: Mesh, texels: TexelMap, camera: Camera, asked: np.ndarray) -> np.ndarray:
    """(S, S) 1 where nothing lies between the surface point and the camera; 0 where it is not asked."""
    vertices = np.asarray(mesh.vertices, float)
    scene = EmbreeScene(robust=True)
    TriangleMesh(scene, vertices.astype(np.float32), np.ascontiguousarray(mesh.triangles, np.int32))
    lifted = vertices + 0.03 * vertex_normals(vertices, mesh.triangles) + 0.03 * camera.rotation[2]
    origins = texels.interpolate(mesh.triangles, lifted)[asked].astype(np.float32)
    directions = np.broadcast_to(camera.rotation[2].astype(np.float32), origins.shape).copy()
    visible = np.zeros(asked.shape)
    visible[asked] = np.asarray(scene.run(origins, directions)) < 0
    return visible


def _silhouette(projected: np.ndarray, mesh: Mesh, shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    limit = 4 * max(shape)  # far outside the photo: keeps the fixed-point coordinates in range
    corners = np.clip(projected[:, :2], -limit, limit)[mesh.triangles]
    for triangle in np.rint((corners - 0.5) * 16).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 1, shift=4)
    return mask.astype(bool)


def _stretch(mesh: Mesh, projected: np.ndarray, texels: TexelMap) -> np.ndarray:
    """(S, S) photo pixels per texel: square root of the area ratio."""
    image, layout = projected[mesh.triangles][..., :2], mesh.uv[mesh.uv_triangles] * texels.triangle.shape[0]
    areas = [np.abs(np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0])) for c in (_flat(image), _flat(layout))]
    ratio = np.linalg.norm(areas[0], axis=1) / np.maximum(np.linalg.norm(areas[1], axis=1), 1e-9)
    return np.sqrt(ratio)[texels.triangle]


def _flat(corners: np.ndarray) -> np.ndarray:
    return np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)


def _sample_photo(image: np.ndarray, position: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """(S, S, 3) colours at photo positions, area-averaged over ``stretch`` pixels (trilinear pyramid)."""
    level = np.clip(np.log2(np.maximum(stretch, 1.0)), 0, 8).astype(np.float32)
    current, index = image.astype(np.float32), 0
    result, total = np.zeros((*position.shape[:2], 3), np.float32), np.zeros(level.shape, np.float32)
    while True:
        share = np.clip(1 - np.abs(level - index), 0, 1)
        if share.any():
            scale = np.array([current.shape[1] / image.shape[1], current.shape[0] / image.shape[0]])
            result += share[..., None] * _bilinear(current, position * scale)
            total += share
        if index >= level.max() or min(current.shape[:2]) < 2:
            break
        current = cv2.resize(current, (max(1, current.shape[1] // 2), max(1, current.shape[0] // 2)),
                             interpolation=cv2.INTER_AREA)
        index += 1
    return (result / np.maximum(total, 1e-6)[..., None]).astype(float)


def _bilinear(image: np.ndarray, position: np.ndarray) -> np.ndarray:
    """(S, S, C) bilinear samples of (H, W, C) at px positions (S, S, 2); the border is repeated outwards."""
    where = np.clip(position - 0.5, -1, np.array(image.shape[1::-1])).astype(np.float32)
    image = np.ascontiguousarray(image, np.float32)
    sampled = cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return sampled.reshape(*position.shape[:2], image.shape[2])


def _plausible_skin(
    model: FaceModel, texels: TexelMap, mesh: Mesh, colour: np.ndarray, weight: np.ndarray
) -> np.ndarray:
    """(S, S) 1, or 0 on texels of ears and neck whose colour is not the face's skin (hair, collar, background)."""
    lab = cv2.cvtColor((colour / 255.0).astype(np.float32), cv2.COLOR_RGB2LAB)
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    ear, neck = (region == FaceModel.REGIONS.index(name) for name in ("ear", "neck"))
    face = (region == FaceModel.REGIONS.index("face")) & (weight > 0.8)
    guarded = ear | neck
    if face.sum() < 50:
        return 1.0 - guarded
    likely = np.clip(np.where(ear, 2.8, 4.0) - skin_distance(lab, lab[face]), 0, 1)
    smooth = cv2.GaussianBlur(likely.astype(np.float32), (0, 0), texels.triangle.shape[0] / 128)
    for side in (slice(None, ear.shape[1] // 2), slice(ear.shape[1] // 2, None)):
        part = ear[:, side] & (weight[:, side] > 0.5)
        if not part.any() or likely[:, side][part].mean() < 0.75:  # a hidden or misplaced ear: none of it
            smooth[:, side][ear[:, side]] = 0.0
    return np.where(guarded, np.clip((smooth - 0.5) * 2.5, 0, 1), 1.0)


def _feather(weight: np.ndarray) -> np.ndarray:
    """Weights that fall off smoothly inwards, so that no hard edge and no outline pixel survives."""
    radius = max(1, weight.shape[0] // 170)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    small = cv2.erode(weight.astype(np.float32), kernel)
    soft = cv2.GaussianBlur(small, (0, 0), 1.2 * radius)
    return np.minimum(soft, weight).astype(float)


def _with_mirror(
    mesh: Mesh, laplacian, texels: TexelMap, projection: _Projection
) -> tuple[np.ndarray, np.ndarray]:
    """Seen colours completed by the other side's: (S, S, 3) and its weight (S, S)."""
    size = texels.triangle.shape[0]
    own, other = projection.weight, projection.weight[:, ::-1]
    both = np.minimum(own, other)
    offset = projection.colour - projection.colour[:, ::-1]
    values, confidence = bilinear_at_vertices(mesh, offset, both, size / 128)
    confidence = np.where(confidence > 0.5, confidence, 0.0)
    smooth = extend(laplacian, values, confidence, prior=np.zeros_like(values), pull=1e-3)
    mirrored = projection.colour[:, ::-1] + texels.interpolate(mesh.triangles, smooth)
    share = own / np.maximum(own + (1 - own) * other, 1e-6)
    colour = projection.colour * share[..., None] + np.clip(mirrored, 0, 255) * (1 - share[..., None])
    return colour, np.clip(own + (1 - own) * other, 0, 1)
