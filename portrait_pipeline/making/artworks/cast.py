"""The cast: invented adults, one per style, each with its own exaggeration, hair and palette (assets/cast.json).

Hair is guide curves in rest space (cm on the average head, frontal x and y), from root to tip.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .hair import Lock
from .look import Look, Palette
from .sitter import Proportions, Sitter
from .tables import TABLES


def names() -> list[str]:
    """The artworks."""
    return list(TABLES["artworks"])


def sitter_of(name: str) -> tuple[Sitter, Look, str]:
    """Sitter, look and style of an artwork.

    Raises:
        KeyError: no artwork of that name.
    """
    data = TABLES["artworks"][name]
    identity = data["identity"]  # near the average: the exaggeration comes from the proportions
    person = tuple(identity["spread"] * np.random.default_rng(identity["seed"]).normal(size=60))
    sitter = Sitter(person, Proportions(**data["proportions"]), data["expression"], **data["pose"])
    locks = (
        curls() if data["hair"] == "curls" else [lock for row in TABLES["hair"][data["hair"]] for lock in _locks(row)]
    )
    return sitter, Look(Palette(**data["palette"]), locks, **data["look"]), data["style"]


def _locks(row: dict[str, Any]) -> list[Lock]:
    """A lock and, where the hair has it, its twin on the other side of the head."""
    own = {key: value for key, value in row.items() if key not in ("guides", "mirrored")}
    locks = [Lock(row["guides"], **own)]
    if row.get("mirrored"):
        locks.append(Lock([[(-x, y) for x, y in guide] for guide in row["guides"]], **own))
    return locks


def curls(radius: float = 4.0) -> list[Lock]:
    """A round mass of tight curls, ``radius`` cm long."""
    rng = np.random.default_rng(8)
    locks = []
    for count, reach, inset in ((30, 1.0, 0.0), (26, 0.75, 1.2), (22, 0.6, 2.6), (16, 0.55, 4.2)):
        low, arc = (-0.13, 1.26) if inset < 4 else (0.1, 0.8)
        for k in range(count):
            angle = np.pi * (low + arc * (k + 0.5) / count)
            root = np.array([(7.3 - 0.8 * inset) * np.cos(angle), 6.2 + (5.0 - 0.25 * inset) * np.sin(angle)])
            away = np.array([np.cos(angle), 0.95 * np.sin(angle)])
            tip = root + away * radius * reach * rng.uniform(0.9, 1.08)
            sway = np.array([-away[1], away[0]]) * rng.uniform(-1.1, 1.1)
            guide = np.array([root - 0.4 * away, (root + tip) / 2 + sway, tip + 0.6 * sway])
            guides = [guide, guide + 1.1 * np.array([away[1], -away[0]])]
            rest = {"behind": inset == 0, "spread": 0.35, "tip": 0.3, "root": 0.3, "shine": 0.7}
            locks.append(Lock(guides, lift=0.5, count=34, wave=(0.42, 2.6), **rest))
    return locks
