"""What a character looks like without light: base colours, transparency, and pictures of it.

Pictures are orthographic, as those of :mod:`portrait_pipeline.mesh.render`; see there for views, frames and pixels.
Rays go on through what is transparent.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..mesh.geometry import unit
from ..mesh.gltf_reading import GltfFile
from ..mesh.rays import RayScene
from ..mesh.render import Framing, View
from .body import Character, Surface

LAYERS = 8
"""So many transparent surfaces before each other are looked through."""
_LARGEST = 2048
"""px; pictures of materials are reduced to this side."""
_LIGHT = unit(np.array([-0.35, 0.45, 0.82]))


class Look:
    """Colours of a character's surfaces.

    Args:
        character: whose pictures are read at once.
    """

    def __init__(self, character: Character) -> None:
        self.character = character
        self.scene = RayScene(character.places, character.triangles)
        pictures: dict[int, np.ndarray] = {}
        self.paints = [_paint(character.file, surface, pictures) for surface in character.surfaces]

    def colours(self, triangles: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """(N, 4) base colour in sRGB, 0 to 255, and opacity, 0 to 1, at places of the surface.

        Args:
            triangles: (N,) of the joined character. shares: (N, 3) barycentric.
        """
        result, owner = np.zeros((len(triangles), 4)), self.character.owner[triangles]
        ids = self.character.triangles[triangles]
        for number in np.unique(owner):
            here = np.flatnonzero(owner == number)
            corners = ids[here] - self.character.first[number]
            result[here] = self.paints[number].at(corners, shares[here])
        return result

    def trace(self, origins: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first opaque triangle (N,), -1 for none, and its shares (N, 3), along rays from ``origins`` (N, 3)."""
        found, shares = np.full(len(origins), -1), np.zeros((len(origins), 3))
        waiting, start = np.arange(len(origins)), np.array(origins, float)
        step = 1e-5 * float(np.ptp(self.character.places, axis=0).max())
        for _ in range(LAYERS):
            if not len(waiting):
                break
            hit, far = self.scene.distances(start[waiting], np.broadcast_to(direction, (len(waiting), 3)))
            met = hit >= 0
            waiting, hit, far = waiting[met], hit[met], far[met]
            places = start[waiting] + far[:, None] * direction
            weights = shares_in(places, self.character.places[self.character.triangles[hit]])
            opaque = self.colours(hit, weights)[:, 3] >= 0.5
            found[waiting[opaque]], shares[waiting[opaque]] = hit[opaque], weights[opaque]
            waiting = waiting[~opaque]
            start[waiting] = places[~opaque] + step * direction
        return found, shares

    def seen(self, view: View, framing: Framing, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Triangle (size, size), -1 for none, and shares (size, size, 3) at the middles of the pixels."""
        steps = 2 * (np.arange(size) + 0.5) / size - 1
        x, y = np.meshgrid(steps, -steps)
        return self.seen_at(np.stack([x, y], axis=-1).reshape(-1, 2), view, framing, (size, size))

    def seen_at(
        self, plane: np.ndarray, view: View, framing: Framing, shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`seen` at ``plane`` (N, 2), -1 to 1 over the picture, y up."""
        turn = view.rotation()
        before = 2 * float(np.ptp(self.character.places, axis=0).max()) / framing.half_extent
        camera = np.concatenate([plane, np.full((len(plane), 1), before)], axis=1)
        found, shares = self.trace(camera * framing.half_extent @ turn + framing.centre, -turn[2])
        return found.reshape(shape), shares.reshape(*shape, 3)

    def picture(
        self, view: View, framing: Framing, size: int, shading: float = 0.0, fine: int = 2
    ) -> tuple[np.ndarray, np.ndarray]:
        """(size, size, 3) uint8 RGB on white and (size, size) uint8 opacity.

        Args:
            shading: 0 shows the base colours as they are, 1 lights them from above left.
            fine: rays a pixel and axis.
        """
        triangle, shares = self.seen(view, framing, size * fine)
        met = triangle >= 0
        colour = np.full((*triangle.shape, 3), 255.0)
        alpha = np.where(met, 255.0, 0.0)
        colour[met] = self.colours(triangle[met], shares[met])[:, :3]
        if shading:
            normals = self.character.normals @ view.rotation().T
            normal = (normals[self.character.triangles[triangle[met]]] * shares[met][..., None]).sum(axis=1)
            wrap = np.clip((unit(normal) @ _LIGHT + 0.25) / 1.25, 0, 1)
            colour[met] *= 1 - shading + shading * (0.35 + 0.7 * wrap)[:, None]
        colour, alpha = (
            image.reshape(size, fine, size, fine, -1).mean(axis=(1, 3)) for image in (colour, alpha[..., None])
        )
        return np.clip(np.rint(colour), 0, 255).astype(np.uint8), np.rint(alpha[..., 0]).astype(np.uint8)


@dataclass(frozen=True)
class Paint:
    """Base colour of a surface.

    Attributes:
        factor: (4,) linear. picture: (H, W, 4) float32 sRGB 0 to 255 and opacity, or None.
        uv: (V, 2), origin top left. repeat: whether the picture repeats along u and v.
        colours: (V, 4) linear, or None. cutoff: opacity below which a place is a hole; None if all of it is opaque.
    """

    factor: np.ndarray
    picture: np.ndarray | None
    uv: np.ndarray | None
    repeat: tuple[bool, bool]
    colours: np.ndarray | None
    cutoff: float | None

    def at(self, corners: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """(N, 4) as :meth:`Look.colours`, at shares (N, 3) of triangles with ``corners`` (N, 3)."""
        linear = np.broadcast_to(self.factor, (len(corners), 4)).copy()
        if self.picture is not None:
            sample = _sampled(self.picture, (self.uv[corners] * shares[..., None]).sum(axis=1), self.repeat)
            linear *= np.concatenate([to_linear(sample[:, :3]), sample[:, 3:] / 255], axis=1)
        if self.colours is not None:
            linear *= (self.colours[corners] * shares[..., None]).sum(axis=1)
        opacity = np.ones(len(corners)) if self.cutoff is None else (linear[:, 3] >= self.cutoff).astype(float)
        return np.concatenate([to_srgb(linear[:, :3]), opacity[:, None]], axis=1)


def shares_in(places: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N, 3) barycentric shares of places (N, 3) in triangles (N, 3, 3), none negative."""
    a, b, p = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], places - corners[:, 0]
    aa, ab, bb, pa, pb = ((x * y).sum(axis=1) for x, y in ((a, a), (a, b), (b, b), (p, a), (p, b)))
    below = np.maximum(aa * bb - ab * ab, 1e-300)
    second, third = (bb * pa - ab * pb) / below, (aa * pb - ab * pa) / below
    shares = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, 1)
    return shares / shares.sum(axis=1, keepdims=True)


def to_linear(srgb: np.ndarray) -> np.ndarray:
    """Linear light, 0 to 1, of sRGB values, 0 to 255."""
    value = np.asarray(srgb, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: np.ndarray) -> np.ndarray:
    """sRGB values, 0 to 255, of linear light, 0 to 1."""
    value = np.clip(linear, 0, 1)
    return 255 * np.where(value <= 0.0031308, 12.92 * value, 1.055 * value ** (1 / 2.4) - 0.055)


def _paint(file: GltfFile, surface: Surface, pictures: dict[int, np.ndarray]) -> Paint:
    material, attributes = surface.material, surface.attributes
    rough = material.get("pbrMetallicRoughness", {})
    factor = np.array(rough.get("baseColorFactor", (1, 1, 1, 1)), float)
    texture, uv, picture, repeat = rough.get("baseColorTexture"), None, None, (True, True)
    if texture is not None:
        shift = texture.get("extensions", {}).get("KHR_texture_transform", {})
        channel = shift.get("texCoord", texture.get("texCoord", 0))
        uv = attributes.get(f"TEXCOORD_{channel}")
        if uv is not None:
            uv = _transformed(uv, shift)
            index = texture.get("index")
            if index not in pictures:
                pictures[index] = _reduced(file.picture(index))
            picture = pictures[index]
            sampler = file.entry("textures", index).get("sampler")
            modes = {} if sampler is None else file.entry("samplers", sampler)
            repeat = tuple(modes.get(key, 10497) != 33071 for key in ("wrapS", "wrapT"))
    colours = attributes.get("COLOR_0")
    if colours is not None and colours.shape[1] == 3:
        colours = np.concatenate([colours, np.ones((len(colours), 1))], axis=1)
    mode = material.get("alphaMode", "OPAQUE")
    cutoff = {"OPAQUE": None, "MASK": material.get("alphaCutoff", 0.5)}.get(mode, 0.5)
    return Paint(factor, picture, uv, repeat, colours, cutoff)


def _transformed(uv: np.ndarray, shift: dict) -> np.ndarray:
    """Texture coordinates through ``KHR_texture_transform``."""
    angle = shift.get("rotation", 0.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (uv * shift.get("scale", (1, 1))) @ turn.T + shift.get("offset", (0, 0))


def _reduced(picture: np.ndarray) -> np.ndarray:
    factor = _LARGEST / max(picture.shape[:2])
    if factor < 1:
        picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return picture.astype(np.float32)


def _sampled(picture: np.ndarray, uv: np.ndarray, repeat: tuple[bool, bool]) -> np.ndarray:
    """(N, 4) bilinear samples at (N, 2), origin top left."""
    height, width = picture.shape[:2]
    taps = []
    for axis, side in ((0, width), (1, height)):
        place = uv[:, axis] * side - 0.5
        low = np.floor(place).astype(np.int64)
        both = [np.mod(low + k, side) if repeat[axis] else np.clip(low + k, 0, side - 1) for k in (0, 1)]
        taps.append((both, (place - low)[:, None]))
    (columns, right), (rows, down) = taps
    above = picture[rows[0], columns[0]] * (1 - right) + picture[rows[0], columns[1]] * right
    below = picture[rows[1], columns[0]] * (1 - right) + picture[rows[1], columns[1]] * right
    return above * (1 - down) + below * down
