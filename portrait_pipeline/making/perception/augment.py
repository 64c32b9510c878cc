"""From a stored face to a crop to learn from: moved, turned, warped, mirrored, and dressed as a work of art."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ...head.points import COUNT, MIRROR
from ...perception.crops import SIZE, Frame, around_points
from ...perception.network import PARTS_SIZE
from .data import STORED, UNKNOWN, Sample

FACELESS_SHARE = 0.06
"""Share of crops that show the background beside the face, for the face score."""


class Crop(NamedTuple):
    """What the network is shown, and what it should say."""

    pixels: np.ndarray
    """(192, 192, 3) uint8 RGB."""
    points: np.ndarray
    """(68, 2) float32 crop coordinates, -1 to 1; NaN where unknown, or outside the crop."""
    labels: np.ndarray
    """(96, 96) uint8; 255 where unknown."""
    face: bool


def augmented(sample: Sample, random: np.random.Generator, strength: float = 1.0) -> Crop:
    """One random crop of a sample.

    Args:
        sample: the stored face.
        random: source of chance.
        strength: 0 gives the plain crop as it is used for reading, 1 all variation.
    """
    pixels, points, labels = sample
    if strength and random.random() < 0.5:
        pixels, points, labels = pixels[:, ::-1], (points * [-1, 1] + [STORED, 0])[MIRROR], labels[:, ::-1]
    placed = np.isfinite(points).all(axis=1)
    guess = np.where(placed[:, None], points, np.nanmean(points, axis=0))
    frame = _moved(around_points(guess.astype(np.float64), base=0.0), random, strength)
    face = not (strength and random.random() < FACELESS_SHARE)
    if not face:
        frame = Frame(float(random.choice([0.05, 0.95])) * STORED, 0.1 * STORED, 0.4 * STORED, frame.angle)
    places = _map_back(frame, random, strength)
    crop = cv2.remap(pixels, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    half = [np.ascontiguousarray(axis[::2, ::2]) for axis in places]
    crop_labels = cv2.remap(labels, *half, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=UNKNOWN)
    if strength:
        crop = dressed(crop, random)
    found = _seen_at(places, points) if face else np.full((COUNT, 2), np.nan, np.float32)
    return Crop(crop, found, crop_labels[:PARTS_SIZE, :PARTS_SIZE], face)


def _moved(frame: Frame, random: np.random.Generator, strength: float) -> Frame:
    """The frame as a search would first have it."""
    far = random.random() < 0.3
    shift = (0.12 if far else 0.04) * strength * frame.side
    x, y = random.normal(0, shift, 2) * 0.6
    side = frame.side * float(np.exp(random.normal(0, (0.2 if far else 0.08) * strength)))
    turn = np.radians(random.normal(0, 18 if far else 8)) * strength
    return Frame(frame.x + float(x), frame.y + float(y), side, frame.angle + float(turn))


def _map_back(frame: Frame, random: np.random.Generator, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of the crop comes from: pixel indices (OpenCV's) of the stored crop, x and y.

    A smooth field of a few waves is added, weak enough never to fold: its slope stays under one half.
    """
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    bent_x, bent_y = x.copy(), y.copy()
    for _ in range(3):
        wave = random.uniform(0.4, 1.6, 2) * 2 * np.pi / SIZE
        phase = random.uniform(0, 2 * np.pi)
        slope = 0.14 * strength * random.random()
        amount = slope / np.abs(wave).sum() * np.sin(wave[0] * x + wave[1] * y + phase)
        direction = random.uniform(0, 2 * np.pi)
        bent_x += amount * np.cos(direction)
        bent_y += amount * np.sin(direction)
    stretch = np.exp(random.normal(0, 0.08 * strength))
    bent_y = (bent_y - SIZE / 2) * stretch + SIZE / 2
    places = frame.to_picture(np.stack([bent_x, bent_y], axis=-1)) - 0.5
    return places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)


def _seen_at(places: tuple[np.ndarray, np.ndarray], points: np.ndarray) -> np.ndarray:
    """Crop coordinates of stored points: where the map back comes nearest to them, and a step of Newton from there."""
    x, y = places
    slopes = [np.gradient(axis) for axis in places]  # each: along rows (y), along columns (x)
    found = np.full(points.shape, np.nan, dtype=np.float32)
    for index, (point_x, point_y) in enumerate(points - 0.5):
        if not np.isfinite(point_x + point_y):
            continue
        distance = (x - point_x) ** 2 + (y - point_y) ** 2
        row, column = np.unravel_index(int(distance.argmin()), distance.shape)
        slope = np.array([[slopes[0][1][row, column], slopes[0][0][row, column]],
                          [slopes[1][1][row, column], slopes[1][0][row, column]]])  # fmt: skip
        step = np.linalg.solve(slope, [point_x - x[row, column], point_y - y[row, column]])
        if np.abs(step).max() <= 1.5:  # otherwise the point lies outside the crop
            found[index] = (np.array([column, row]) + 0.5 + step) * 2 / SIZE - 1
    return found


def dressed(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A crop in other colours and, half of the time, in paint, line or halftone.

    Args:
        pixels: (S, S, 3) uint8 RGB.
        random: source of chance.
    """
    styles = (_paint, _line, _halftone)
    if random.random() < 0.5:
        pixels = styles[int(random.integers(len(styles)))](pixels, random)
    values = pixels.astype(np.float32)
    if random.random() < 0.15:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    if random.random() < 0.2:  # invented palette: the channels mixed anew
        mix = np.eye(3) + random.normal(0, 0.25, (3, 3))
        values = values @ (mix / mix.sum(axis=1, keepdims=True)).T.astype(np.float32)
    values = (values - 128) * random.uniform(0.6, 1.35) + 128 + random.normal(0, 18)
    values *= np.exp(random.normal(0, 0.08, 3)).astype(np.float32)
    values += random.normal(0, random.uniform(0, 10), values.shape)
    if random.random() < 0.25:
        values = cv2.GaussianBlur(values, (0, 0), random.uniform(0.4, 1.6))
    return np.clip(values, 0, 255).astype(np.uint8)


def _paint(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Flat patches with few tones, as a brush leaves them."""
    smooth = cv2.medianBlur(pixels, int(random.choice([3, 5, 7])))
    tones = float(random.integers(4, 12))
    flat = np.floor(smooth / 256 * tones + 0.5) * (255 / tones)
    grain = cv2.GaussianBlur(random.normal(0, 1, pixels.shape[:2]).astype(np.float32), (0, 0), 3.0, sigmaY=0.8)
    return np.clip(flat + 90 * grain[..., None], 0, 255).astype(np.uint8)


def _line(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Dark outlines, on the picture or on paper."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    width = random.uniform(0.7, 1.6)
    edges = cv2.GaussianBlur(grey, (0, 0), width) - cv2.GaussianBlur(grey, (0, 0), 1.6 * width)
    ink = np.clip(1 + np.minimum(edges + 1, 0) / random.uniform(3, 8), 0, 1)[..., None]
    paper = random.uniform(200, 255, 3) if random.random() < 0.5 else pixels
    return (ink * paper).astype(np.uint8)


def _halftone(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Dots of a printing screen."""
    y, x = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    angle, period = random.uniform(0, np.pi), random.uniform(3, 7)
    first = np.cos(2 * np.pi / period * (np.cos(angle) * x + np.sin(angle) * y))
    second = np.cos(2 * np.pi / period * (np.cos(angle) * y - np.sin(angle) * x))
    screen = (128 + 60 * (first + second))[..., None]
    printed = np.clip((pixels - screen) * 4 + 128, 0, 255)
    share = random.uniform(0.4, 0.9)
    return (share * printed + (1 - share) * pixels).astype(np.uint8)
