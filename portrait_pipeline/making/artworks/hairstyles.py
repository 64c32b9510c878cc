"""Hairstyles as guide curves in rest space (cm on the average head, frontal x and y)."""

from __future__ import annotations

import numpy as np

from .hair import Lock


def mirrored(guides):
    """The same guides on the other side of the head."""
    return [[(-x, y) for x, y in guide] for guide in guides]


def swept_back(hairline: float = 9.4, volume: float = 1.0, lean: float = 0.0, recede: float = 0.0) -> list[Lock]:
    """Short hair combed back from the forehead, with sideburns; ``recede`` cm of receding temples."""
    v, k = volume, recede
    top = [
        [(-7.3, 3.2), (-8.1, 5.0), (-8.4 - 0.3 * v, 7.5)],
        [(-7.1, 6.2), (-8.0, 8.2), (-8.2 - 0.4 * v, 10.4)],
        [(-6.3, 8.3 + 0.4 * k), (-7.2, 10.4), (-7.0 - 0.4 * v, 12.6)],
        [(-4.9, hairline - 0.1 + k), (-5.6, 11.9), (-4.6 + 0.7 * lean, 14.3 + 0.7 * v)],
        [(-3.1, hairline + 0.3 + k), (-3.3 + lean, 12.6), (-2.2 + lean, 15.2 + v)],
        [(0.0, hairline + 0.1), (0.3 + lean, 12.9), (0.9 + lean, 15.5 + v)],
        [(3.1, hairline + 0.4 + k), (3.5 + lean, 12.6), (3.6 + lean, 14.9 + v)],
        [(4.9, hairline - 0.1 + k), (6.0, 11.6), (5.8, 13.8 + 0.6 * v)],
        [(6.3, 8.3 + 0.4 * k), (7.4, 10.2), (7.3 + 0.4 * v, 12.4)],
        [(7.1, 6.2), (8.0, 8.2), (8.2 + 0.4 * v, 10.4)],
        [(7.3, 3.2), (8.1, 5.0), (8.4 + 0.3 * v, 7.5)],
    ]
    burns = [[(-7.2, 4.6), (-7.45, 3.0), (-7.4, 1.4)], [(-7.7, 5.2), (-7.9, 3.6), (-7.6, 1.8)]]
    return [
        Lock(top, lift=0.5, count=900, wave=(0.22, 1.0), spread=0.2, tip=0.35),
        Lock(burns, lift=0.0, count=90, spread=0.08),
        Lock(mirrored(burns), lift=0.0, count=90, spread=0.08),
    ]


def parted_long(
    part: float = 0.0, length: float = -13.0, wave: tuple[float, float] = (0.55, 1.9), width: float = 9.0
) -> list[Lock]:
    """Long wavy hair from a parting, over the temples, down to the shoulders."""
    right = [
        [
            (part - 0.1, 13.2),
            (part - 3.2, 12.6),
            (-7.6, 9.6),
            (-width, 4.0),
            (-width + 0.1, -3.0),
            (-width - 0.6, -8.0),
            (-width + 0.2, length),
        ],
        [
            (part - 0.1, 12.0),
            (part - 2.8, 11.4),
            (-6.9, 8.2),
            (-8.4, 3.4),
            (-8.5, -3.0),
            (-8.9, -8.0),
            (-8.2, length - 0.6),
        ],
        [
            (part, 10.6),
            (part - 2.2, 10.2),
            (-6.1, 7.3),
            (-7.8, 3.0),
            (-7.9, -3.2),
            (-7.9, -8.0),
            (-6.8, length),
        ],
        [
            (part, 9.5),
            (part - 1.8, 9.2),
            (-5.2, 7.2),
            (-7.25, 3.4),
            (-7.5, -2.4),
            (-7.3, -8.0),
            (-5.4, length + 0.8),
        ],
    ]
    left = [[(2 * part - x, y) if i < 2 else (-x, y) for i, (x, y) in enumerate(guide)] for guide in right]
    crown = [
        [(part, 11.0), (part - 2.9, 11.2), (-6.9, 8.6), (-width + 0.9, 3.6), (-width + 0.8, -2.0)],
        [(part, 12.6), (-3.4, 13.0), (-7.6, 10.4), (-width + 0.3, 5.0), (-width + 0.2, -1.0)],
        [(part, 13.8), (-3.3, 14.4), (-7.6, 11.7), (-width - 0.1, 6.0), (-width - 0.1, 0.0)],
        [(part, 15.0), (-3.0, 15.5), (-7.2, 13.0), (-width - 0.3, 7.0), (-width - 0.3, 0.5)],
    ]
    behind = [[(x, 8.0), (x * 1.12, 0.0), (x * 1.05, length - 1)] for x in np.linspace(-width, width, 9)]
    return [
        Lock(behind, lift=0.5, count=500, wave=(wave[0], wave[1]), behind=True, spread=0.3),
        Lock(crown, lift=0.6, count=620, spread=0.15),
        Lock(
            [[(2 * part - x, y) if i < 1 else (-x, y) for i, (x, y) in enumerate(g)] for g in crown],
            lift=0.6,
            count=620,
            spread=0.15,
        ),
        Lock(right, lift=0.7, count=520, wave=wave, spread=0.24, tip=0.2),
        Lock(left, lift=0.7, count=520, wave=wave, spread=0.24, tip=0.2),
    ]


def bob_with_fringe() -> list[Lock]:
    """A chin-long bob with a straight fringe."""
    side = [
        [(-2.6, 13.6), (-7.2, 11.6), (-9.0, 6.0), (-9.3, -0.5), (-8.6, -5.2), (-6.9, -6.4)],
        [(-2.6, 11.0), (-6.6, 9.6), (-8.3, 5.0), (-8.6, -0.5), (-7.9, -4.6), (-6.0, -6.0)],
        [(-4.6, 9.0), (-6.6, 7.6), (-7.5, 4.0), (-7.8, -0.5), (-7.2, -4.2), (-5.4, -5.4)],
    ]
    crown = [
        [(0.2, 11.6), (-3.0, 11.8), (-6.8, 9.2), (-8.2, 4.5), (-8.3, 1.0)],
        [(0.2, 13.4), (-3.6, 13.2), (-7.6, 10.2), (-8.8, 4.5), (-8.9, 0.5)],
        [(0.2, 14.8), (-4.0, 14.4), (-8.2, 10.8), (-9.3, 4.5), (-9.3, 0.0)],
        [(0.2, 15.8), (-4.6, 15.3), (-8.6, 11.6), (-9.6, 4.5), (-9.6, -0.5)],
    ]
    fringe = [[(x * 0.35, 14.2), (x * 0.85, 11.2), (x * 1.05, 7.0 - 0.03 * x * x)] for x in np.linspace(-6.9, 6.9, 11)]
    behind = [[(x, 6.0), (x * 1.04, 0.0), (x * 0.94, -6.0)] for x in np.linspace(-9, 9, 9)]
    return [
        Lock(behind, count=400, behind=True, spread=0.2),
        Lock(crown, lift=0.8, count=560),
        Lock(mirrored(crown), lift=0.8, count=560),
        Lock(side, lift=0.7, count=420, spread=0.1),
        Lock(mirrored(side), lift=0.7, count=420, spread=0.1),
        Lock(fringe, lift=0.8, count=460, spread=0.08, tip=0.1),
    ]


def balding_with_moustache() -> list[Lock]:
    """Tufts at the sides and a large moustache."""
    side = [
        [(-7.3, 1.0), (-7.5, 1.8), (-7.7, 2.4)],
        [(-6.6, 3.6), (-8.3, 3.6), (-9.2, 2.9)],
        [(-6.2, 5.2), (-8.6, 5.8), (-9.9, 5.2)],
        [(-5.9, 6.6), (-8.1, 7.6), (-9.4, 8.2)],
        [(-5.7, 7.8), (-7.3, 9.0), (-8.1, 9.9)],
    ]
    moustache = [
        [(-0.15, -1.75), (-1.8, -2.1), (-3.6, -3.1), (-4.9, -3.4)],
        [(-0.15, -2.2), (-1.6, -2.6), (-3.2, -3.9), (-4.7, -4.0)],
        [(-0.1, -2.75), (-1.2, -3.1), (-2.6, -4.3), (-3.9, -4.7)],
    ]
    locks = [Lock(side, lift=0.3, count=330, wave=(0.25, 1.2), spread=0.3, tip=0.4)]
    locks.append(Lock(mirrored(side), lift=0.3, count=330, wave=(0.25, 1.2), spread=0.3, tip=0.4))
    for guides in (moustache, mirrored(moustache)):
        locks.append(Lock(guides, lift=0.5, count=240, wave=(0.06, 1.0), spread=0.08, tip=0.3, on_face=True))
    return locks


def curls(radius: float = 4.0) -> list[Lock]:
    """A round mass of tight curls."""
    rng = np.random.default_rng(8)
    locks = []
    for count, reach, inset in ((30, 1.0, 0.0), (26, 0.75, 1.2), (22, 0.6, 2.6), (16, 0.55, 4.2)):
        for k in range(count):
            angle = np.pi * (-0.13 + 1.26 * (k + 0.5) / count) if inset < 4 else np.pi * (0.1 + 0.8 * (k + 0.5) / count)
            root = np.array([(7.3 - 0.8 * inset) * np.cos(angle), 6.2 + (5.0 - 0.25 * inset) * np.sin(angle)])
            away = np.array([np.cos(angle), 0.95 * np.sin(angle)])
            tip = root + away * radius * reach * rng.uniform(0.9, 1.08)
            sway = np.array([-away[1], away[0]]) * rng.uniform(-1.1, 1.1)
            guide = [tuple(root - 0.4 * away), tuple((root + tip) / 2 + sway), tuple(tip + 0.6 * sway)]
            other = [(x + 1.1 * away[1], y - 1.1 * away[0]) for x, y in guide]
            locks.append(
                Lock(
                    [guide, other],
                    lift=0.5,
                    count=34,
                    wave=(0.42, 2.6),
                    behind=inset == 0,
                    spread=0.35,
                    tip=0.3,
                    root=0.3,
                    shine=0.7,
                )
            )
    return locks


def tousled() -> list[Lock]:
    """A thick, short, side-swept cut."""
    sweep = [
        [(-5.4, 8.9), (-7.0, 10.6), (-8.4, 10.2)],
        [(-4.4, 9.8), (-5.8, 12.4), (-7.6, 12.9)],
        [(-3.2, 10.2), (-2.6, 13.6), (-4.2, 15.2)],
        [(-2.8, 10.4), (0.6, 14.2), (1.0, 16.4)],
        [(-2.4, 10.4), (2.6, 13.0), (5.4, 14.9)],
        [(-2.0, 10.2), (3.2, 11.6), (7.6, 12.2)],
        [(-1.6, 9.8), (3.0, 9.9), (7.7, 9.0)],
        [(-1.2, 9.4), (2.8, 8.7), (6.7, 6.8)],
    ]
    sides = [
        [(-6.6, 8.8), (-8.0, 7.4), (-8.3, 4.6)],
        [(-7.0, 6.6), (-7.8, 5.4), (-7.7, 3.0)],
        [(-7.1, 5.0), (-7.4, 3.6), (-7.3, 1.6)],
    ]
    top = [
        [(-4.8, 9.6), (-6.9, 9.0), (-7.9, 5.4)],
        [(-4.8, 11.2), (-7.6, 10.4), (-8.3, 6.0)],
        [(-4.4, 12.8), (-8.0, 11.8), (-8.6, 6.6)],
    ]
    far = [
        [(3.6, 9.6), (6.8, 8.8), (7.9, 5.4)],
        [(3.4, 11.4), (7.6, 10.2), (8.3, 6.0)],
        [(2.4, 13.4), (8.0, 11.8), (8.6, 6.6)],
    ]
    return [
        Lock(top, lift=0.5, count=420, spread=0.2, tip=0.2),
        Lock(far, lift=0.5, count=420, spread=0.2, tip=0.2),
        Lock(sides, lift=0.2, count=220, spread=0.15, tip=0.3),
        Lock(mirrored(sides), lift=0.2, count=220, spread=0.15, tip=0.3),
        Lock(sweep, lift=0.8, count=800, wave=(0.22, 1.2), spread=0.22, tip=0.3),
    ]
