"""How well the texture of a painted head comes back from its photographs: PSNR by region, shift, what each part pays.

Painted heads (:mod:`.painted_heads`) are photographed by known cameras; geometry and cameras are given to the
projection, so only what it makes of the pixels is measured. Texels are divided into *seen* (facing a camera, hidden by
nothing, neither collar nor lock painted over them) and *filled* (all others), the same for every method.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse

from ...base.images import LUMINANCE
from ...head.model import FaceModel
from ...head.parts import regions_with_whole_ears
from ...mesh.geometry import vertex_normals
from ...mesh.laplacian import surface_laplacian
from ...mesh.mesh import Mesh
from ...mesh.texels import TexelMap, texel_map
from ...photo_texture.merging import merged_photos, mirrored_side
from ...photo_texture.photo_view import PhotoView, Shot, feathered, geometry_view, view_photo
from ...photo_texture.projection import completed, rounded
from ...photo_texture.unseen import fill_by_region
from ...regions.head import head_regions, landmarks_in_layout
from ..params import PhotoTextureProofParams
from .painted_heads import PaintedHead, paint_head, parts_of, photograph

REGIONS = ("face front", "cheeks", "ears", "scalp", "neck")
_FRONT = 40.0  # degrees of the normal from straight ahead
_CLEARLY = 0.5  # weight of the geometry from which a texel counts as seen
_THREE = (0.0, -40.0, 40.0)  # yaw of three photos, degrees
_PARTS_YAW = 30.0
_EXPOSURES = ((1.0, 1.0, 1.0), (0.82, 0.85, 0.9), (1.08, 1.02, 0.94))
_FEWEST = 50
_WINDOW = 0.055  # of the layout's side, half the side of the windows whose shift is measured
_SPOTS = {
    "forehead": (21, 22),
    "bridge": (27, 28),
    "right cheek": (2, 31, 31),
    "left cheek": (14, 35, 35),
    "chin": (8, 57),
    "right jaw": (5, 48),
    "left jaw": (11, 54),
}

Errors = dict[tuple[str, ...], list[np.ndarray]]


@dataclass(frozen=True)
class Scene:
    """One head, its photos, and what the projection starts from.

    Attributes:
        model: the head's. head: with the truth. views: each photo in the layout, with the person told from the rest.
        seen: (S, S) bool, texels that the photos show. region: (S, S) index into REGIONS.
    """

    model: FaceModel
    head: PaintedHead
    views: list[PhotoView]
    geometry: list[PhotoView]
    texels: TexelMap
    laplacian: sparse.csr_matrix
    seen: np.ndarray
    region: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """(S, S) regions that the first photo tells."""
        view, texels = self.views[0], self.texels
        return head_regions(self.model, self.head.mesh, len(view.hair), view.hair, view.weight > _CLEARLY, texels)

    def completed(self, colour: np.ndarray, weight: np.ndarray, hair: np.ndarray) -> np.ndarray:
        """The texture (S, S, 3) uint8 from what photos show of it, as the pipeline completes it."""
        return completed(self.model, self.head.mesh, self.laplacian, self.texels, colour, weight, hair)[0]

    def filled(self, colour: np.ndarray, weight: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The same with what is not known filled region by region."""
        return rounded(fill_by_region(self.model, self.head.mesh, self.laplacian, self.texels, colour, weight, labels))


def prove(model: FaceModel, params: PhotoTextureProofParams) -> dict[str, object]:
    """All measures of ``metrics/photo_texture.json``.

    Returns:
        ``one_photo``: PSNR in dB by yaw, seen or filled, region; ``one_photo_plain`` the same for a plain
        projection with mean fill; ``three_photos``: by method, seen or filled, region; ``parts``: PSNR of what one
        photo at 30 degrees gives with parts of the method left out; ``shift_px``: median shift between a texture and
        the truth, photo px, by part of the face.
    """
    parts_yaw = min(params.yaws, key=lambda yaw: abs(abs(yaw) - _PARTS_YAW))
    single: Errors = defaultdict(list)
    shifts: dict[str, list[float]] = defaultdict(list)
    for index in range(params.heads):
        head = paint_head(model, index, params.size, np.random.default_rng([params.seed, index]))
        for yaw in params.yaws:
            scene = make_scene(model, head, [yaw], params, index)
            methods = {"full": _full, "plain": _plain}
            if yaw == parts_yaw:
                methods |= PARTS
            for name, method in methods.items():
                texture = method(scene)
                _score(single, (name, f"{yaw:g}"), texture, scene)
                if name == "full":
                    _add_shifts(shifts, model, scene, texture)
        scene = make_scene(model, head, list(_THREE), params, index)
        for name, method in MERGES.items():
            _score(single, ("three", name), method(scene), scene)
    yaws = [f"{yaw:g}" for yaw in params.yaws]
    return {
        "heads": params.heads,
        "one_photo": {yaw: _psnr(single, ("full", yaw)) for yaw in yaws},
        "one_photo_plain": {yaw: _psnr(single, ("plain", yaw)) for yaw in yaws},
        "parts": {name: _psnr(single, (name, f"{parts_yaw:g}")) for name in ("plain", *PARTS, "full")},
        "three_photos": {name: _psnr(single, ("three", name)) for name in MERGES},
        "shift_px": {spot: round(float(np.median(values)), 3) for spot, values in shifts.items()},
    }


def make_scene(
    model: FaceModel, head: PaintedHead, yaws: list[float], params: PhotoTextureProofParams, index: int
) -> Scene:
    """Photograph a head once for each yaw (degrees); photos after the first have other exposures."""
    rng = np.random.default_rng([params.seed, index, *(round(10 * yaw + 3600) for yaw in yaws)])
    shots = []
    for yaw, exposure in zip(yaws, _EXPOSURES, strict=False):
        camera, image = photograph(head, yaw, params.photo_size, rng, np.array(exposure))
        shots.append(Shot(head.mesh.vertices, camera, image, parts_of(head, camera, params.photo_size)))
    texels = texel_map(head.mesh, params.size)
    geometry = [geometry_view(model, texels, shot) for shot in shots]
    views = [view_photo(model, texels, shot) for shot in shots]
    seen = (np.max([view.weight for view in geometry], axis=0) > _CLEARLY) & ~head.covered
    region = _regions(model, head.mesh, texels)
    return Scene(model, head, views, geometry, texels, surface_laplacian(head.mesh), seen, region)


def _regions(model: FaceModel, mesh: Mesh, texels: TexelMap) -> np.ndarray:
    region = regions_with_whole_ears(model)[mesh.triangles[texels.triangle]].max(axis=-1)
    normal = texels.interpolate(mesh.triangles, vertex_normals(mesh.vertices, mesh.triangles))
    ahead = normal[..., 2] > np.cos(np.deg2rad(_FRONT)) * np.linalg.norm(normal[..., ::2], axis=-1)
    names = FaceModel.REGIONS
    result = np.where(ahead, 0, 1)
    for place, name in ((2, "ear"), (3, "scalp"), (4, "neck")):
        result[region == names.index(name)] = place
    return result


def _full(scene: Scene) -> np.ndarray:
    return scene.completed(*merged_photos(scene.head.mesh, scene.laplacian, scene.texels, scene.views))


def _plain(scene: Scene) -> np.ndarray:
    """Every texel that faces a camera and is not hidden gets its photo's colour, the rest the mean."""
    view = scene.geometry[0]
    known = view.weight > 0
    return rounded(np.where(known[..., None], view.colour, view.colour[known].mean(axis=0)))


def _without_masks(scene: Scene) -> np.ndarray:
    """The full method with hair, clothes and background taken for the head."""
    view = scene.geometry[0]
    return scene.completed(view.colour, feathered(view.weight), view.hair)


def _without_mirror(scene: Scene) -> np.ndarray:
    """All that is not seen is a smooth fill."""
    view = scene.views[0]
    return scene.filled(view.colour, view.weight, scene.labels)


def _without_gain(scene: Scene) -> np.ndarray:
    """The mirrored side in its own light, laid in by its weights."""
    view = scene.views[0]
    return scene.filled(*_feathered_in(view.colour, view.weight, view.colour[:, ::-1]), scene.labels)


def _without_membrane(scene: Scene) -> np.ndarray:
    """The mirrored side in this side's light, laid in by its weights, not in gradients and bands."""
    view = scene.views[0]
    mirrored = mirrored_side(scene.head.mesh, scene.laplacian, scene.texels, view.colour, view.weight)
    return scene.filled(*_feathered_in(view.colour, view.weight, mirrored), scene.labels)


def _feathered_in(colour: np.ndarray, weight: np.ndarray, mirrored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rest = (1 - weight) * weight[:, ::-1]
    share = (weight / np.maximum(weight + rest, 1e-6))[..., None]
    return colour * share + mirrored * (1 - share), np.clip(weight + rest, 0, 1)


def _averaged(scene: Scene) -> np.ndarray:
    """The photos' mean by their weights, each in its own light."""
    weights = np.array([view.weight for view in scene.views])
    colours = np.array([view.colour for view in scene.views])
    mean = (weights[..., None] * colours).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-6)[..., None]
    hair = np.average([view.hair for view in scene.views], axis=0, weights=weights + 1e-6)
    return scene.completed(mean, 1 - np.prod(1 - weights, axis=0), hair)


Method = Callable[[Scene], np.ndarray]
PARTS: dict[str, Method] = {
    "without mirrored side": _without_mirror,
    "without gain": _without_gain,
    "without gradients and bands": _without_membrane,
    "without masks": _without_masks,
}
MERGES: dict[str, Method] = {"average": _averaged, "full": _full}


def _score(errors: Errors, key: tuple[str, ...], texture: np.ndarray, scene: Scene) -> None:
    squared = ((texture.astype(float) - scene.head.texture) ** 2).mean(axis=-1)
    for which, mask in (("seen", scene.seen), ("filled", ~scene.seen)):
        for index, name in enumerate(REGIONS):
            errors[(*key, which, name)].append(squared[mask & (scene.region == index)])
        errors[(*key, which, "all")].append(squared[mask])


def _psnr(errors: Errors, key: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """dB by seen or filled and region, over all heads; regions with fewer than 50 texels a head are left out."""
    result: dict[str, dict[str, float]] = {"seen": {}, "filled": {}}
    for which, values in result.items():
        for name in (*REGIONS, "all"):
            parts = errors[(*key, which, name)]
            count = sum(len(part) for part in parts)
            if count >= _FEWEST * len(parts):
                mean = sum(float(part.sum()) for part in parts) / count
                values[name] = round(float(10 * np.log10(255.0**2 / max(mean, 1e-3))), 2)
    return result


def _add_shifts(shifts: dict[str, list[float]], model: FaceModel, scene: Scene, texture: np.ndarray) -> None:
    """Shift of windows that are wholly seen against the truth, in photo px."""
    size = len(texture)
    places = landmarks_in_layout(scene.head.mesh, model.landmarks)[0] * size
    half = round(_WINDOW * size)
    light = [picture.astype(float) @ np.array(LUMINANCE) for picture in (scene.head.texture, texture)]
    for spot, ids in _SPOTS.items():
        column, row = np.rint(places[list(ids)].mean(axis=0)).astype(int)
        box = slice(row - half, row + half), slice(column - half, column + half)
        if scene.seen[box].shape == (2 * half, 2 * half) and scene.seen[box].mean() > 0.99:
            shift = measured_shift(light[0][box], light[1][box])
            shifts[spot].append(shift * float(np.median(scene.geometry[0].detail[box])))


def measured_shift(known: np.ndarray, found: np.ndarray) -> float:
    """Length of the shift between two square pictures, px, to 0.01: upsampled cross-correlation of their details."""
    from skimage.registration import phase_cross_correlation

    window = cv2.createHanningWindow(known.shape[::-1], cv2.CV_64F)
    fine = [window * (part - cv2.GaussianBlur(part, (0, 0), len(part) / 8)) for part in (known, found)]
    shift, _, _ = phase_cross_correlation(*fine, upsample_factor=100, normalization=None)
    return float(np.hypot(*shift))
