"""Easing a change of a face where it would make lids, lips or the jaw line cross."""

from __future__ import annotations

import numpy as np

from .points import EYE_LEFT, EYE_RIGHT, MOUTH
from .validity import COLUMNS, CORNERS, eye_distance, faults, order_distances

Region = tuple[np.ndarray, tuple[int, int]]

REGIONS: tuple[Region, ...] = ((EYE_LEFT, (36, 39)), (EYE_RIGHT, (42, 45)), (MOUTH, (48, 54)))
"""Parts of the face whose form is eased on its own, and the corners that say where and how large it is."""
ROOM_LEFT = 0.2
"""Distances that must not become negative keep this share of the person's own."""
SLACK = 0.005
"""Overlap of lids and lips, in eye distances, that is nothing to ease: landmarks of a closed mouth are no better."""
_HALVINGS = 10
_ROUNDING = 1e-9
# Neighbours along the lids and lips of each region, left before right.
_ORDERS = {
    first: [pair for line in lines for pair in zip(line, line[1:], strict=False)]
    for first, lines in {
        36: [(36, 37, 38, 39), (36, 41, 40, 39)],
        42: [(42, 43, 44, 45), (42, 47, 46, 45)],
        48: [(*range(48, 55),), (48, *range(59, 53, -1)), (*range(60, 65),), (60, 67, 66, 65, 64)],
    }.items()
}


def keep_face(content: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Ease a change of a face where it would make lines cross.

    Where lids, lips or the order of their points would cross or nearly so, the form of that eye or of the mouth goes
    back towards the person's own, as a whole and between the same corners, so that its lines stay smooth. If the rest
    of the face still is out of order (see :func:`crossing` and :func:`tangled`), the whole change is shortened
    along the straight way from ``content``, by bisection. Distances that must stay positive keep at least
    ``ROOM_LEFT`` of the person's own. What already is out of order in ``content`` stops nothing else.

    Args:
        content: (..., 68, 2) the person's face, y down.
        changed: (..., 68, 2) the same face changed, in the same frame.

    Returns:
        (..., 68, 2): ``changed`` itself, to the last bit, where nothing needs easing (``content`` never does), else a
        face between; not ``tangled`` if ``content`` is not.
    """
    content, changed = np.broadcast_arrays(np.asarray(content, float), np.asarray(changed, float))
    shape = content.shape
    content, changed = content.reshape(-1, 68, 2), changed.reshape(-1, 68, 2)
    rules = _Rules(content)
    result = rules.ease_regions(changed)
    broken = np.flatnonzero(~rules.hold(result))
    if broken.size:
        result[broken] = _shorten(_Rules(content[broken]), changed[broken])
    return result.reshape(shape)


def scale_change(content: np.ndarray, translated: np.ndarray, scale: float) -> np.ndarray:
    """Exaggerate or damp a change: ``content + scale * (translated - content)``, eased by :func:`keep_face`.

    Args:
        content, translated: (..., 68, 2) in one frame, y down.
        scale: 0 returns ``content`` and 1 ``translated`` to the last bit; 2 doubles the change where nothing crosses.
    """
    if scale == 1:
        return np.array(translated, float)
    content = np.asarray(content, float)
    return keep_face(content, content + scale * (translated - content))


def _shorten(rules: _Rules, changed: np.ndarray) -> np.ndarray:
    """The longest share of each change (n, 68, 2), found by bisection, that the rules allow."""
    content = rules.content
    low, high = np.zeros(len(content)), np.ones(len(content))
    best = content.copy()
    for _ in range(_HALVINGS):
        share = (low + high) / 2
        tried = rules.ease_regions(content + share[:, None, None] * (changed - content))
        good = rules.hold(tried)
        low, high = np.where(good, share, low), np.where(good, high, share)
        best[good] = tried[good]
    return best


class _Rules:
    """What a changed face must keep of the distances and of the order of ``content`` (n, 68, 2)."""

    def __init__(self, content: np.ndarray) -> None:
        self.content = content
        self.faults = faults(content)
        self.forms = [_form(content, region) for region in REGIONS]
        order = _relative_order(content)
        self.order = np.where(order > 0, ROOM_LEFT * order, -np.inf)

    def hold(self, faces: np.ndarray) -> np.ndarray:
        """Which of changed faces (n, 68, 2) keep the order and have no new fault: (n,) bool."""
        return (_relative_order(faces) > self.order - _ROUNDING).all(-1) & ~(faults(faces) & ~self.faults).any(-1)

    def ease_regions(self, faces: np.ndarray) -> np.ndarray:
        """Changed faces (n, 68, 2) with each region's form as near to the asked one as its distances allow."""
        faces = faces.copy()
        for region, own in zip(REGIONS, self.forms, strict=True):
            asked = _form(faces, region)
            before, after = _distances_in_form(own, region), _distances_in_form(asked, region)
            slack = SLACK * eye_distance(faces) / np.maximum(_width(faces, region), 1e-12)
            wanted = np.where(before > 0, ROOM_LEFT * before, before) - slack[:, None]
            short = after < wanted
            if not short.any():
                continue
            # Distances are linear in the form, so the share at which the first one meets its limit is known.
            shares = np.where(short, (before - wanted) / np.where(short, before - after, 1.0), 1.0)
            eased = own + shares.min(-1)[:, None, None] * (asked - own)
            rows = np.flatnonzero(short.any(-1))
            faces[np.ix_(rows, region[0])] = _place(eased, faces, region)[rows]
        return faces


def _relative_order(faces: np.ndarray) -> np.ndarray:
    return order_distances(faces) / eye_distance(faces)[..., None]


def _width(faces: np.ndarray, region: Region) -> np.ndarray:
    """Distances (n,) of the corners of a region."""
    return np.linalg.norm(faces[:, region[1][1]] - faces[:, region[1][0]], axis=-1)


def _corner_frame(faces: np.ndarray, corners: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin (n, 1, 2) and the vectors along and down (n, 1, 2), both as long as the corners are apart."""
    start, end = (faces[:, [corner]] for corner in corners)
    along = end - start
    return start, along, np.stack([-along[..., 1], along[..., 0]], axis=-1)


def _form(faces: np.ndarray, region: Region) -> np.ndarray:
    """A region of faces (n, 68, 2) in the frame of its corners: (n, m, 2), corners at (0, 0) and (1, 0)."""
    start, along, down = _corner_frame(faces, region[1])
    offset = faces[:, region[0]] - start
    power = np.maximum((along**2).sum(-1), 1e-24)
    return np.stack([(offset * along).sum(-1) / power, (offset * down).sum(-1) / power], axis=-1)


def _place(form: np.ndarray, faces: np.ndarray, region: Region) -> np.ndarray:
    """Inverse of :func:`_form`: (n, m, 2) points in the frame of ``faces``."""
    start, along, down = _corner_frame(faces, region[1])
    return start + form[..., :1] * along + form[..., 1:] * down


def _distances_in_form(form: np.ndarray, region: Region) -> np.ndarray:
    """Openings of the region's columns and steps along its lines (n, d), all positive in a proper face."""
    first = region[0][0]
    columns = COLUMNS[CORNERS[:, 0] == first] - first
    steps = np.array(_ORDERS[first]) - first
    return np.concatenate(
        [form[:, columns[:, 1], 1] - form[:, columns[:, 0], 1], form[:, steps[:, 1], 0] - form[:, steps[:, 0], 0]],
        axis=-1,
    )
