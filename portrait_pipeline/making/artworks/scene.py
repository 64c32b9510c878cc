"""From a sitter and a palette to the full-colour study that every style repaints."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from ...head.model import FaceModel
from . import features, hair, painting
from .look import Look
from .pen import Line, fill, over, smoothstep
from .render import Maps, cast
from .sitter import Posed, Sitter, pose


@dataclass(frozen=True)
class Scene:
    """The study and everything a style needs of it.

    Attributes:
        colour: (S, S, 3) RGB in [0, 1]. posed, maps: the head. eyes: both eyes. lines: feature and contour
        lines.
        strands: hair. masks: coverage (S, S) by name: face (skin drawn), head, hair, cloth, shirt,
        background, eyes,
        upper_lip, lower_lip, brow.
    """

    colour: np.ndarray
    posed: Posed
    maps: Maps
    look: Look
    eyes: tuple[features.Eye, features.Eye]
    lines: list[Line]
    strands: list[hair.Strand]
    masks: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Side of the square picture, px."""
        return self.posed.size

    @property
    def unit(self) -> float:
        """Pixels per pixel of the 768 px canvas for which widths are given."""
        return self.posed.size / 768

    @property
    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (S, S) of the pixels' centres, px."""
        return tuple(np.mgrid[0 : self.size, 0 : self.size].astype(np.float32) + 0.5)

    def eyeball(self, eye: features.Eye) -> np.ndarray:
        """Coverage (S, S) of an eye between its lids."""
        return fill(eye.outline, self.size)

    def from_eye(self, eye: features.Eye, x: float = 0.0, y: float = 0.0) -> np.ndarray:
        """Distance (S, S) from the centre of an iris, moved by ``x`` and ``y``; all in radii of the iris."""
        rows, columns = self.grid
        return np.hypot((columns - eye.centre[0]) / eye.radius - x, (rows - eye.centre[1]) / eye.radius - y)

    def spot(self, eye: features.Eye, outer: float, inner: float, x: float = 0.0, y: float = 0.0) -> np.ndarray:
        """Coverage (S, S) of a disc on an eye, soft between two radii; all in radii of the iris."""
        return self.eyeball(eye) * smoothstep(outer, inner, self.from_eye(eye, x, y))

    def below_eye(self, eye: features.Eye) -> np.ndarray:
        """Height (S, S) below the centre of an iris, in its radii."""
        return (self.grid[0] - eye.centre[1]) / eye.radius

    def focus(self, reach: float, ellipse: bool = True) -> np.ndarray:
        """Coverage (S, S) of eyes, brows, nose and mouth, grown by a brush of ``reach`` px."""
        p, out = self.posed.points.astype(np.float32), np.zeros_like(self.tone)
        for group in (slice(36, 42), slice(42, 48), slice(48, 60), slice(30, 36), slice(17, 22), slice(22, 27)):
            out = np.maximum(out, fill(cv2.convexHull(p[group])[:, 0], self.size))
        side = (int(reach * self.unit) | 1,) * 2
        return cv2.dilate(out, cv2.getStructuringElement(cv2.MORPH_ELLIPSE if ellipse else cv2.MORPH_RECT, side))

    def gloss(self, power: float) -> np.ndarray:
        """Highlights (S, S) of the key light on the face, the narrower the larger ``power``."""
        shine = self.maps.lambert(self.maps.key + np.float32([0, 0, 1])) ** power
        return np.clip(shine * self.maps.lit * self.masks["face"], 0, 1)

    def turns(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angle (radians) and distance (shares of the side) of the pixels (S, S) from a point in px."""
        rows, columns = self.grid
        dx, dy = columns - point[0], rows - point[1]
        return np.arctan2(dy, dx), np.hypot(dx, dy) / self.size

    @property
    def tone(self) -> np.ndarray:
        """Luma (S, S) in [0, 1]."""
        return self.colour @ np.float32([0.30, 0.59, 0.11])


def stage(sitter: Sitter, look: Look, model: FaceModel, size: int, rng: np.random.Generator) -> Scene:
    """Pose, light and paint the study."""
    posed = pose(sitter, model, size)
    maps = cast(posed, look.key, rng)
    pair = features.eyes(posed.points, look.gaze, look.iris)
    strands = hair.grow(posed, look.locks, maps.key, rng)
    masks = painting.garment(posed, look)
    masks["back_hair"], back = painting.draw_hair(strands, look.palette, size, behind=True)
    masks["front_hair"], front = painting.draw_hair(strands, look.palette, size, behind=False)
    # The bust's own shoulders end in a cut: only the neck is used of it.
    bust = smoothstep(-8.4, -9.0, maps.rest[..., 1]) * smoothstep(5.9, 6.4, np.abs(maps.rest[..., 0]))
    head = cv2.GaussianBlur(maps.inside * (1 - bust).astype(np.float32), (0, 0), 0.7 * size / 768)
    masks["head"] = head
    canvas = painting.background(look.palette, size, rng)
    canvas = over(canvas, back, masks["back_hair"])
    pockets = _pockets(1 - np.maximum.reduce([head, masks["back_hair"], masks["front_hair"], masks["cloth"]]))
    below = (np.arange(size) > posed.points[8, 1]).astype(np.float32)[:, None]
    masks["cloth"] = np.maximum(masks["cloth"], pockets * below)  # the opening of a collar shows what is worn under it
    pockets = pockets * (1 - below)
    canvas = over(canvas, np.float32(look.palette.hair) * 0.5, pockets)
    canvas = over(canvas, painting.skin(posed, maps, look, masks["front_hair"], rng), head)
    canvas = painting.under_chin(canvas, posed, maps, look)
    canvas = painting.hoops(canvas, posed, look)
    canvas = painting.dress(canvas, posed, maps, look, masks, rng)
    canvas = painting.face(canvas, posed, maps, look, pair, masks, rng)
    canvas = over(canvas, front, masks["front_hair"])
    masks["hair"] = np.maximum(
        masks["front_hair"], np.maximum(masks["back_hair"], pockets) * (1 - head) * (1 - masks["cloth"])
    )
    masks["face"] = head * (1 - masks["front_hair"]) * (1 - masks["cloth"])
    masks["background"] = (1 - head) * (1 - masks["hair"]) * (1 - masks["cloth"])
    lines = features.contour_lines(posed, pair, look.age) + _silhouette(masks)
    return Scene(np.clip(canvas, 0, 1).astype(np.float32), posed, maps, look, pair, lines, strands, masks)


def _pockets(background: np.ndarray) -> np.ndarray:
    """Small patches of background enclosed between hair and head (S, S), which read as holes."""
    free = (background > 0.5).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(3, int(5 * len(background) / 768)) | 1,) * 2)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.erode(free, disc))
    open_air = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 0.006 * background.size]
    reached = cv2.dilate(np.isin(labels, open_air).astype(np.uint8), cv2.dilate(disc, np.ones((3, 3))))
    return cv2.dilate(((free > 0) & (reached == 0)).astype(np.float32), np.ones((3, 3)))


def _silhouette(masks: dict[str, np.ndarray]) -> list[Line]:
    """Visible outlines of head, hair and garment as lines."""
    out = []
    covers = {
        "head": np.maximum(masks["front_hair"], masks["cloth"]),
        "hair": masks["face"],
        "cloth": np.zeros_like(masks["cloth"]),
    }
    for name, width in (("head", 3.4), ("hair", 2.6), ("cloth", 3.6)):
        mask = (masks[name] > 0.5).astype(np.uint8)
        near_cover = cv2.dilate((covers[name] > 0.4).astype(np.uint8), np.ones((7, 7), np.uint8))
        for contour in cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            if len(contour) < 60:
                continue
            points = contour[:, 0].astype(float) + 0.5
            smooth = np.stack(
                [np.convolve(np.pad(points[:, i], 4, mode="wrap"), np.ones(9) / 9, "valid") for i in range(2)], 1
            )
            pixel = contour[:, 0]
            border = (pixel < 2).any(1) | (pixel > len(mask) - 3).any(1)
            visible = (near_cover[pixel[:, 1], pixel[:, 0]] == 0) & ~border
            for piece in np.split(np.arange(len(smooth)), np.nonzero(np.diff(visible.astype(int)))[0] + 1):
                if visible[piece[0]] and len(piece) > 12:
                    out.append(Line(smooth[piece][::3], width, f"{name}_edge", 0.5))
    return out
