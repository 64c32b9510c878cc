"""What each place of the shell is: hair, clothes or skin. A hat is worn like clothes; skin of the shell is neck, ear or
chest beyond the fitted head."""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from .canvas import FACE_WIDTH as FW
from .form import Form
from .masks import closed, dilate, opened
from .record import CLOTHES, HAIR, SKIN
from .surface import sample


def front_labels(form: Form, image: np.ndarray) -> np.ndarray:
    """(rows, columns) int8: the photo's labels in front; nearest ones where nothing is seen.

    Args:
        image: (rows, columns, 3) the photo on the canvas, RGB.
    """
    seen, chin = form.seen, form.canvas.chin[1]
    y, _ = form.canvas.grid()
    stack = np.stack([seen.hair, seen.clothes + seen.hat, seen.skin])
    label = stack.argmax(axis=0)
    certain = seen.inside & seen.person & (stack.max(axis=0) > 0.4)
    label = np.where((label == SKIN) & form.domain.worn & (y < chin - 0.1 * FW), HAIR, label)
    # Under the face the shell is what surrounds it.
    certain &= ~dilate(form.skin.bare, 0.02 * FW) | (label != SKIN)
    unparsed = seen.inside & seen.person & (y > chin) & ~(seen.known & (stack.max(axis=0) > 0.4))
    label = np.where(unparsed, CLOTHES, label)
    certain |= unparsed
    label = np.where(_bare_chest(form, image, label, certain), SKIN, label)
    if not certain.any():
        return np.where(y < chin, HAIR, CLOTHES).astype(np.int8)
    rows, columns = ndimage.distance_transform_edt(~certain, return_distances=False, return_indices=True)
    label = label[rows, columns]
    invented = ~seen.inside & (y > chin + 0.12 * FW)
    if (label[certain & (y > chin)] == CLOTHES).sum() > 0.01 * FW * FW or not _bare_below(form, label, certain):
        label = np.where(invented & ~_runs_on(form, label, certain), CLOTHES, label)
    return label.astype(np.int8)


def _bare_chest(form: Form, image: np.ndarray, label: np.ndarray, certain: np.ndarray) -> np.ndarray:
    """What passes for clothes below the chin but has the neck's colour and hangs together with it, bool.

    The network's crops end at the chest, and it takes a low neckline for a collar.
    """
    y, x = form.canvas.grid()
    lab = cv2.cvtColor(cv2.GaussianBlur(image, (0, 0), 1.2), cv2.COLOR_RGB2LAB).astype(float)
    neck = (form.skin.bare | (label == SKIN)) & certain & (y > form.canvas.landmarks[57, 1])
    cloth = (label == CLOTHES) & certain & (y > form.canvas.chin[1])
    outer = cloth & (np.abs(x - form.middle) > 0.6 * FW)
    sample_of = outer if outer.sum() >= 200 else cloth
    if min(neck.sum(), sample_of.sum()) < 50:
        return np.zeros(label.shape, bool)
    skin, worn = (
        ((lab - np.median(lab[area], axis=0)) ** 2 / (lab[area].var(axis=0) + 40)).sum(axis=-1)
        for area in (neck, sample_of)
    )
    alike = opened(cloth & (1.5 * skin < worn), 0.03 * FW)
    return alike & ~_apart(alike | neck, neck)


def _apart(mask: np.ndarray, neck: np.ndarray) -> np.ndarray:
    """The components of a mask (rows, columns) that hold no pixel of the neck."""
    _, labels = cv2.connectedComponents(closed(mask, 0.03 * FW).astype(np.uint8))
    return mask & ~np.isin(labels, np.unique(labels[neck]))


def _runs_on(form: Form, label: np.ndarray, certain: np.ndarray) -> np.ndarray:
    """Hair that hangs over the photo's lower border goes on below it for a while."""
    y, _ = form.canvas.grid()
    bottom = np.flatnonzero(form.seen.inside.any(axis=1))[-1]
    return form.domain.long_hair & (label == HAIR) & (y < bottom + 0.35 * FW)


def _bare_below(form: Form, label: np.ndarray, certain: np.ndarray) -> bool:
    """Whether the lowest strip of the photo shows mostly skin."""
    bottom = np.flatnonzero(form.seen.inside.any(axis=1))[-1]
    strip = label[bottom - 4 : bottom][certain[bottom - 4 : bottom]]
    return bool(len(strip)) and float((strip == SKIN).mean()) > 0.8


def hair_length(form: Form) -> float:
    """y down to which hair covers the back: of short hair the nape, of long hair as far as it is seen in front."""
    if not form.domain.long_hair:
        return form.domain.nape - 0.22 * FW
    y, x = form.canvas.grid()
    near = form.seen.person & ~form.skin.bare & (np.abs(x - form.middle) < FW)
    hair = ((near & (form.seen.hair > 0.5)).sum(axis=1)) / np.maximum(near.sum(axis=1), 8)
    low = np.flatnonzero((ndimage.gaussian_filter1d(hair, 3) > 0.4) & (y[:, 0] > form.canvas.landmarks[30, 1]))
    return float(low[-1]) if len(low) else float(form.canvas.chin[1])


def vertex_labels(form: Form, front: np.ndarray, length: float) -> np.ndarray:
    """(V,) int8 of the shell's vertices: front by the photo, back row by row from the outline.

    Args:
        front: of :func:`front_labels`. length: of :func:`hair_length`.
    """
    x, y, z = form.vertices.T
    column = np.clip(x.astype(int), 0, front.shape[1] - 1)
    row = np.clip(y.astype(int), 0, front.shape[0] - 1)
    behind = z < sample(form.sheets.plane, x, y)
    return np.where(behind, back_labels(form, length)[row, column], front[row, column]).astype(np.int8)


def back_labels(form: Form, length: float) -> np.ndarray:
    """(rows, columns) int8 of the far side: hats as in front, hair above ``length``, clothes below, no skin."""
    y, _ = form.canvas.grid()
    hat = (form.seen.hat > 0.5) & (y < form.canvas.landmarks[27, 1] + 0.3 * FW)
    hair = (y < length) & ~hat & (not form.skin.bald)
    return np.where(hair, HAIR, CLOTHES).astype(np.int8)
