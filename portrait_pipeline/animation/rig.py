"""What an animatable head consists of; see :class:`Rig`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..base.artifacts import read_arrays, write_arrays
from ..base.errors import ArtifactError
from ..base.files import Refuse, refusal
from ..base.layout import Array
from ..mesh.mesh import Mesh

STILL, FULL = 0.015, 0.03
"""cm; shorter displacements than the first are left out, longer ones than the second are kept, and between them they
fade, so that no step appears in the surface. The error is at most 0.015 cm, half a thousandth of a head."""

SHELL = "Shell"
"""Name of the part that is hair, hat and shoulders."""

_MESH_FIELDS = ("vertices", "triangles", "uv", "uv_triangles")
_RIG_ARRAYS = {
    "names": Array("U", "E"),
    "parts": Array("U", "P"),
    "expression": Array("f", "E"),
    "neck": Array("f", 3),
}
_PART_ARRAYS = {
    "vertices": Array("f", "V", 3),
    "triangles": Array("iu", "F", 3),
    "uv": Array("f", "T", 2),
    "uv_triangles": Array("iu", "F", 3),
    "texture": Array("uint8", "H", "W", 3),
    "targets": Array("f", "E", "V", 3),
    "pivot": Array("f", 3),
    "stretch": Array("f", 3),
}
_LABELS = Array("i", "V")


@dataclass(frozen=True)
class Part:
    """One piece of a rig with a texture of its own.

    Attributes:
        name: ``Head``, ``Mouth`` (cavity), ``Teeth``, ``EyeLeft`` or ``EyeRight`` (the subject's left, +x), ``Shell``
            (hair, hat and shoulders). The vertices of ``Head`` start with the model's, in its order; those of patches
            that parts replace are unused.
        mesh: at rest (all expressions 0). Head space, cm; an eyeball's is relative to its centre, before ``stretch``.
        texture: (H, W, 3) uint8 RGB, row 0 is v = 1.
        targets: (E, V, 3) float32 displacements (cm) of the rig's expressions at coefficient 1; (0, V, 3) for an
            eyeball, which turns instead, and for the shell, which stays with the skull.
        pivot: (3,) cm, an eyeball's centre in head space; zeros for the rest.
        stretch: (3,) factors along the head's axes, applied after the eyeball has turned (a stylised eye may be
            taller than wide); ones for the rest.
        labels: (V,) int8 of a shell, see :mod:`portrait_pipeline.shell.record`: what is hair, clothes or skin; None for
            the rest.
    """

    name: str
    mesh: Mesh
    texture: np.ndarray
    targets: np.ndarray
    pivot: np.ndarray
    stretch: np.ndarray
    labels: np.ndarray | None = None

    @property
    def stiff(self) -> bool:
        """Whether no expression deforms the part."""
        return len(self.targets) == 0


@dataclass(frozen=True)
class Rig:
    """An animatable head.

    Attributes:
        parts: ``Head`` first.
        names: E expression names, ARKit's.
        expression: (E,) coefficients of the picture (the photo's expression); 0 is neutral.
        neck: (3,) cm, the point about which the head turns.
    """

    parts: tuple[Part, ...]
    names: tuple[str, ...]
    expression: np.ndarray
    neck: np.ndarray

    def part(self, name: str) -> Part:
        """The part of that name.

        Raises:
            KeyError: there is none.
        """
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

    @property
    def bare(self) -> Rig:
        """The head alone, without its shell."""
        return replace(self, parts=tuple(part for part in self.parts if part.name != SHELL))

    def save(self, path: str | Path) -> None:
        """Write the rig as HDF5, atomically."""
        arrays = {
            "names": np.array(self.names),
            "parts": np.array([part.name for part in self.parts]),
            "expression": self.expression,
            "neck": self.neck,
        }
        for part in self.parts:
            fields = {name: getattr(part.mesh, name) for name in _MESH_FIELDS}
            fields |= {
                "texture": part.texture,
                "targets": part.targets.astype(np.float32),
                "pivot": part.pivot,
                "stretch": part.stretch,
            }
            if part.labels is not None:
                fields["labels"] = part.labels
            arrays |= {f"{part.name}/{name}": value for name, value in fields.items()}
        write_arrays(path, arrays, kind="animation")

    @classmethod
    def load(cls, path: str | Path) -> Rig:
        """Read a rig written by :meth:`save`.

        Raises:
            ArtifactError: missing, damaged or foreign file, or one that lacks a field, or whose fields do not fit.
        """
        arrays, _ = read_arrays(path, kind="animation")
        refuse = refusal(ArtifactError, path, "delete it and run `dvc repro`")
        lengths: dict[str, int] = {}
        for name, array in _RIG_ARRAYS.items():
            if (wrong := array.mismatch(arrays.get(name), lengths)) is not None:
                raise refuse(f"'{name}' {wrong}")
        names, parts = (tuple(map(str, arrays[name])) for name in ("names", "parts"))
        if parts[:1] != ("Head",) or any(len(set(words)) < len(words) for words in (names, parts)):
            raise refuse("its parts must start with Head, and no name may be there twice")
        return cls(
            tuple(_read_part(arrays, name, lengths["E"], refuse) for name in parts),
            names,
            arrays["expression"],
            arrays["neck"],
        )


def _read_part(arrays: dict[str, np.ndarray], name: str, expressions: int, refuse: Refuse) -> Part:
    """The part of a file that somebody may have sent: types, shapes and ids are checked."""
    fields = {field: arrays.get(f"{name}/{field}") for field in _PART_ARRAYS}
    lengths: dict[str, int] = {}
    for field, array in _PART_ARRAYS.items():
        if (wrong := array.mismatch(fields[field], lengths)) is not None:
            raise refuse(f"'{name}/{field}' {wrong}")
    if lengths["E"] not in (0, expressions):
        raise refuse(f"'{name}/targets' has {lengths['E']} expressions, expected {expressions} or 0")
    for field, count in (("triangles", lengths["V"]), ("uv_triangles", lengths["T"])):
        ids = fields[field]
        if not (ids.size and ids.min() >= 0 and ids.max() < count):
            raise refuse(f"'{name}/{field}' must have ids, all from 0 to {count - 1}")
    if not fields["texture"].size or not (fields["stretch"] > 0).all():
        raise refuse(f"'{name}/texture' is empty, or '{name}/stretch' is not above 0")
    labels = arrays.get(f"{name}/labels")
    if labels is not None and (wrong := _LABELS.mismatch(labels, lengths)) is not None:
        raise refuse(f"'{name}/labels' {wrong}")
    mesh = Mesh(*(fields.pop(field) for field in _MESH_FIELDS))
    return Part(name, mesh, **fields, labels=labels)


def compact(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The vertices that a target moves, and how.

    Args:
        target: (V, 3) cm.

    Returns:
        (M,) their indices, increasing, and (M, 3) displacements, cm.
    """
    length = np.linalg.norm(target, axis=1)
    moved = np.flatnonzero(length > STILL)
    share = np.clip((length[moved] - STILL) / (FULL - STILL), 0.0, 1.0)
    return moved, np.asarray(target, float)[moved] * share[:, None]
