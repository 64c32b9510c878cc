"""The shell's colours as two pictures on a finer canvas: what the photo shows in front, what is likely behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..base.filters import weighted_mean
from .canvas import FACE_WIDTH as FW
from .fills import mirrored, smooth_fill, spread
from .form import Form
from .labels import CLOTHES, HAIR, SKIN, back_labels
from .masks import dilate, erode, smoothstep
from .strands import strands

FINER = 2.0  # picture px per canvas px
_WIDE = FINER * FW
_SAFE = 0.022 * _WIDE  # px inside the matte's outline: no background bleeds in
_SURE = 0.06 * _WIDE  # and so far inside none shines through
_GROWN = 0.07 * _WIDE  # px that hair grows on under the face's edge
_ENOUGH = 0.02 * _WIDE**2  # px of a class that are worth a palette


@dataclass(frozen=True)
class Pictures:
    """Pictures (rows, columns, 3) float32 in [0, 255], ``FINER`` times the canvas.

    Attributes:
        front, back: colours of the two sheets.
        front_broad, back_broad: their local means, for what the photo sees at a glance.
        front_grain, back_grain: (rows, columns) strength of light and shade about the means.
        strands: (rows, columns) texture of deviation 1.
        photo: (rows, columns) float32, 1 where ``front`` is the photo itself, or its hair mirrored at the hairline.
    """

    front: np.ndarray
    back: np.ndarray
    front_broad: np.ndarray
    back_broad: np.ndarray
    front_grain: np.ndarray
    back_grain: np.ndarray
    strands: np.ndarray
    photo: np.ndarray


def shell_pictures(form: Form, photo: np.ndarray, alpha: np.ndarray, labels: np.ndarray, length: float) -> Pictures:
    """Front and back of the shell.

    Args:
        photo: (H, W, 3) uint8 RGB. alpha: (H, W) its matte.
        labels: (rows, columns) front labels. length: y down to which hair covers the back, canvas px.
    """
    image = form.canvas.resample(photo, FINER, cv2.BORDER_REFLECT_101).astype(np.float32)
    bare = dilate(_finer(form.skin.bare), 0.035 * _WIDE)
    label = _finer(labels)
    shown = (form.canvas.resample(np.asarray(alpha, np.float32), FINER) > 0.5) & _finer(form.seen.inside)
    shown = erode(shown, _SAFE) & ~_border(form)
    bare &= ~((label == SKIN) & (_rows(form) > form.canvas.chin[1] + 0.05 * FW)) | _finer(form.skin.bare)
    known = shown & ~bare
    front, grown = _front(form, image, known if known.sum() > 200 else shown, shown, bare, label)
    back = _back(form, front, known, label, length)
    texture = strands(label.shape, (label.shape[1] / 2, -4 * _WIDE), _WIDE, seed=3)
    deep = erode(known, _SURE)  # what the photo sees at a glance lies where background shines through hair
    weight = np.maximum(next((part for part in (deep, known) if part.sum() > 100), shown), 0.02).astype(np.float32)
    broad, grain = zip(*(_broad(picture, weight) for picture in (front, back)), strict=True)
    photo_share = cv2.GaussianBlur((known | grown).astype(np.float32), (0, 0), 1.0)
    return Pictures(front, back, *broad, *grain, texture, photo_share)


def _front(
    form: Form, image: np.ndarray, known: np.ndarray, shown: np.ndarray, bare: np.ndarray, label: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The photo; under the face the colours about it; beyond the photo those of the same class. And where hair is
    mirrored at the hairline, so that no plain band runs along it."""
    result = spread(image, known)
    result = np.where((bare & shown)[..., None], smooth_fill(image, known), result)
    hair, grown = mirrored(image, known & (label == HAIR), _GROWN)
    grown &= bare & shown & (label == HAIR)
    result = np.where(grown[..., None], hair, result)
    inside = _finer(form.seen.inside)
    for kind in (CLOTHES, SKIN, HAIR):
        source = known & (label == kind)
        if kind == CLOTHES:
            source = _cloth(known, label) & (_rows(form) > form.canvas.chin[1] - 0.3 * FW)
        wanted = ~inside & (label == kind) & (_rows(form) > form.canvas.chin[1] - 0.2 * FW)
        if not wanted.any() or (source.sum() < _ENOUGH and kind != CLOTHES):
            continue
        if source.sum() >= _ENOUGH:
            fill = _soft(smooth_fill(image, source), 0.25 * _WIDE)
        else:
            fill = np.broadcast_to(_dark(image, known), image.shape)
        share = cv2.GaussianBlur(wanted.astype(np.float32), (0, 0), 0.03 * _WIDE)[..., None]
        share = np.where(shown[..., None], 0, share)
        result = result * (1 - share) + fill * share
    return result, grown


def _cloth(known: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Clothes that are seen, well clear of skin: no other label's border is so uncertain."""
    clear = known & (label == CLOTHES) & ~dilate(label == SKIN, 0.10 * _WIDE)
    return clear if clear.sum() > _ENOUGH else known & (label == CLOTHES)


def _dark(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(3,) a quiet cloth for a chest that no photo shows: the darker part of what is worn or grows there."""
    colours = image[known] if known.any() else image.reshape(-1, 3)
    return np.quantile(colours, 0.25, axis=0) * 0.8 + 8


def _back(form: Form, front: np.ndarray, known: np.ndarray, label: np.ndarray, length: float) -> np.ndarray:
    """Hair and clothes seen in front go on behind; face, neck, chest and badges are not repeated."""
    rows, chin = _rows(form), form.canvas.chin[1]
    columns = (np.arange(label.shape[1]) + 0.5)[None] / FINER
    side = np.abs(columns - form.middle)
    hair_seen, cloth_seen = known & (label == HAIR), _cloth(known, label)
    hat = _finer((form.seen.hat > 0.5) & form.seen.person & ~form.skin.bare)
    hair = hair_seen & ~hat
    head = dilate(_finer(form.layers.covered), 0.03 * _WIDE)
    chest = side < np.interp(rows, [chin, chin + 0.35 * FW, chin + 0.7 * FW], [0.45 * FW, 0.55 * FW, 0.8 * FW])
    outer = cloth_seen & ~hat & ~chest & ~head & (rows > chin - 0.05 * FW)
    cloth = outer if outer.sum() > _ENOUGH else cloth_seen & ~hat & (rows > chin - 0.05 * FW)
    cloths = smooth_fill(front, cloth) if cloth.sum() > 50 else _soft(front, 0.2 * _WIDE)
    hairs = smooth_fill(front, hair) if hair.sum() > 50 else cloths
    if cloth.sum() <= 50 and hair.sum() > 50:
        cloths = np.broadcast_to(_dark(front, known), front.shape)
    share = smoothstep((rows - length) / (0.10 * FW) + 0.5)[..., None]
    fill = hairs * (1 - share) + _soft(cloths, 0.06 * _WIDE) * share
    behind = _finer(back_labels(form, length))
    if hat.any():
        hats = _soft(smooth_fill(front, hat & known) if (hat & known).any() else front, 0.15 * _WIDE)
        cap = cv2.GaussianBlur((hat & (behind == CLOTHES)).astype(np.float32), (0, 0), 0.02 * _WIDE)[..., None]
        fill = fill * (1 - cap) + hats * cap
    keep = known & (label == behind) & ~hat & ~(chest & (rows > chin - 0.1 * FW)) & ~(head & (rows > chin - FW))
    keep |= hair & (rows < chin - FW)
    missing = cv2.GaussianBlur((~erode(keep, 2)).astype(np.float32), (0, 0), 0.03 * _WIDE)[..., None]
    missing = np.maximum(missing, (~keep)[..., None])
    result = front * (1 - missing) + fill * missing
    return _with_strands(form, result, front, hair, missing[..., 0] * (1 - share[..., 0]) * (behind == HAIR))


def _with_strands(form: Form, back: np.ndarray, front: np.ndarray, hair: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Strands as strong as those of the hair that is seen, in filled hair."""
    if hair.sum() < 100:
        return back
    light = _lab(front)[..., 0]
    detail = (light - cv2.GaussianBlur(light, (0, 0), 0.07 * _WIDE))[hair]
    strength = np.clip(0.45 * (np.quantile(detail, 0.84) - np.quantile(detail, 0.16)), 1.0, 10.0)
    crown = (form.canvas.landmarks[27, 0] * FINER, (form.canvas.landmarks[27, 1] - 0.75 * FW) * FINER)
    lab = _lab(back)
    lab[..., 0] = np.clip(lab[..., 0] + strength * strands(where.shape, crown, _WIDE) * where, 0, 100)
    return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * 255


def _broad(picture: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Local mean and strength of the grain of a picture."""
    mean = weighted_mean(picture, weight, 0.05 * _WIDE, 1e-6)
    light = picture.mean(axis=-1)
    detail = np.clip(light - cv2.GaussianBlur(light, (0, 0), 0.05 * _WIDE), -30, 30)
    grain = np.sqrt(weighted_mean(detail * detail, weight, 0.10 * _WIDE, 1e-6))
    return mean, np.minimum(0.75 * grain, 0.25 * mean.mean(axis=-1) + 1)


def _border(form: Form) -> np.ndarray:
    """The photo's outermost pixels, which mix with what was reflected there."""
    return ~erode(np.pad(_finer(form.seen.inside), 1), 1)[1:-1, 1:-1]


def _finer(mask: np.ndarray) -> np.ndarray:
    """A canvas mask or label map on the pictures' grid."""
    size = (round(mask.shape[1] * FINER), round(mask.shape[0] * FINER))
    fine = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return fine > 0 if mask.dtype == bool else fine


def _rows(form: Form) -> np.ndarray:
    """(rows, 1) canvas y of the pictures' rows."""
    return (np.arange(round(form.canvas.shape[0] * FINER)) + 0.5)[:, None] / FINER


def _lab(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(np.clip(image / 255, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)


def _soft(image: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), sigma)
