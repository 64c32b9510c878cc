"""The 3D morphable model: mean, identity basis and named expressions on one fixed topology."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Self

import numpy as np

from ..base.artifacts import write_arrays
from ..base.errors import ModelError
from ..mesh.mesh import Mesh
from .model_file import BASES, KIND, read_model_file

BLEND_SHAPE_SPREAD = 0.4


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """v = mean + sum_k a_k identity_basis_k + sum_j e_j expression_basis_j + sum_kj a_k e_j cross_basis_kj.

    a are the identity's and e the expression's coefficients; cm, +y up, +z out of the face, +x the subject's left.

    Attributes:
        name: of the model, stored with every fit.
        mean: (V, 3) float32.
        triangles: (F, 3) int32, counter-clockwise from outside.
        identity_basis: (K, V, 3) float32, scaled so that coefficients are N(0, 1) over the population.
        expression_basis: (E, V, 3) float32; of a blend shape, coefficient 1 is the full shape.
        expression_names: E names, ARKit's where the model has them, e.g. ``jawOpen``, ``eyeBlinkLeft``.
        expression_low, expression_high: (E,) float64 bounds of the coefficients; 0 and 1 for blend shapes, infinite
            for a statistical basis.
        expression_spread: (E,) float64, typical size of each coefficient (the prior's standard deviation about 0);
            0.4 for blend shapes, 1 for a statistical basis scaled to unit variance.
        cross_basis: (K, E, V, 3) float32 of a bilinear model (how an identity changes an expression), or None.
    """

    name: str
    mean: np.ndarray
    triangles: np.ndarray
    identity_basis: np.ndarray
    expression_basis: np.ndarray
    expression_names: tuple[str, ...]
    expression_low: np.ndarray
    expression_high: np.ndarray
    expression_spread: np.ndarray
    cross_basis: np.ndarray | None = None

    def through(self, linear: np.ndarray) -> Self:
        """The model with all lengths and directions taken through a (3, 3) matrix, v -> linear @ v."""
        turn = linear.T.astype(np.float32)
        bases = {name: value @ turn for name in BASES if (value := getattr(self, name)) is not None}
        return replace(self, mean=self.mean @ linear.T, **bases)


@dataclass(frozen=True, kw_only=True)
class FaceModel(LinearModel):
    """The 3D morphable model of the pipeline, in head space (see :mod:`portrait_pipeline.mesh.mesh`).

    Attributes:
        uv: (T, 2) float32 in [0, 1], origin bottom left. uv_triangles: (F, 3) int32. Both of length 0 if the model
            has no texture coordinates.
        landmarks: (68,) int32 vertex ids in iBUG order, for a frontal view.
        jaw_contours: (17, C) int32; row i holds the vertex ids along which jaw landmark i slides as the head
            turns, ordered from the image-outer (ear / back) side to the inner (face) side; ``landmarks[i]`` is in
            row i.
        mirror: (V,) int32, vertex permutation of the left-right reflection (x -> -x); an involution.
        regions: (V,) int8, index into ``REGIONS``.
    """

    uv: np.ndarray
    uv_triangles: np.ndarray
    landmarks: np.ndarray
    jaw_contours: np.ndarray
    mirror: np.ndarray
    regions: np.ndarray

    REGIONS = ("face", "eye_left", "eye_right", "mouth", "ear", "scalp", "neck")

    def vertices(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        """Positions (V, 3) float64 for identity (<=K,) and expression (E,) coefficients."""
        identity, expression = np.asarray(identity, float), np.asarray(expression, float)
        result = (
            self.mean.astype(float)
            + np.tensordot(identity, self.identity_basis[: len(identity)], axes=1)
            + np.tensordot(expression, self.expression_basis, axes=1)
        )
        if self.cross_basis is not None:
            # One expression at a time: the whole basis as float64 would fill the memory.
            for k in np.flatnonzero(expression):
                weights = (identity * expression[k]).astype(np.float32)
                result += np.tensordot(weights, self.cross_basis[: len(identity), k], axes=1)
        return result

    def mesh(self, vertices: np.ndarray | None = None) -> Mesh:
        """The model's topology and UV with the given (V, 3) positions, or the mean's."""
        return Mesh(self.mean if vertices is None else vertices, self.triangles, self.uv, self.uv_triangles)

    def require_pipeline(self, source: str) -> None:
        """Check that the model has the head's topology, which textures, regions and rig are made for.

        Args:
            source: the file or parameter, for the message.

        Raises:
            ModelError: another topology (a native conversion, good for fitting only); the message tells the remedy.
        """
        if not self.fits_pipeline:
            raise ModelError(
                f"{source}: {len(self.mean)} vertices of the model's own topology are good for fitting only; the "
                "pipeline needs the head's: run `portrait model convert SOURCE -o model.h5 --topology head`"
            )

    @property
    def fits_pipeline(self) -> bool:
        """Whether the model has the bundled head's triangles and texture coordinates."""
        head = load_bundled_model()
        return np.array_equal(self.triangles, head.triangles) and np.array_equal(self.uv_triangles, head.uv_triangles)

    def save(self, path: str | Path) -> None:
        """Write the model as HDF5 (:mod:`.model_file`; bases as float16: at most 0.02 mm of error)."""
        arrays = {
            "mean": self.mean.astype(np.float32),
            "triangles": self.triangles.astype(np.int32),
            "identity_basis": self.identity_basis.astype(np.float16),
            "expression_basis": self.expression_basis.astype(np.float16),
            "expression_names": np.array(self.expression_names, str),
            "expression_low": self.expression_low,
            "expression_high": self.expression_high,
            "expression_spread": self.expression_spread,
            "uv": self.uv.astype(np.float32),
            "uv_triangles": self.uv_triangles.astype(np.int32),
            "landmarks": self.landmarks.astype(np.int32),
            "jaw_contours": self.jaw_contours.astype(np.int32),
            "mirror": self.mirror.astype(np.int32),
            "regions": self.regions.astype(np.int8),
        }
        if self.cross_basis is not None:
            arrays["cross_basis"] = self.cross_basis.astype(np.float16)
        write_arrays(path, arrays, {"name": self.name}, kind=KIND)

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a model written by :meth:`save`.

        Raises:
            ModelError: missing or damaged file; the message names what is wrong.
        """
        name, arrays = read_model_file(path)
        arrays = blend_shape_limits(len(arrays["expression_basis"])) | arrays
        arrays |= {basis: arrays[basis].astype(np.float32) for basis in BASES if basis in arrays}
        arrays["expression_names"] = tuple(str(word) for word in arrays["expression_names"])
        return cls(name=name, **arrays)


def blend_shape_limits(count: int) -> dict[str, np.ndarray]:
    """Bounds and spread of ``count`` blend shapes, for files that do not state them."""
    return {
        "expression_low": np.zeros(count),
        "expression_high": np.ones(count),
        "expression_spread": np.full(count, BLEND_SHAPE_SPREAD),
    }


@lru_cache(maxsize=1)
def load_bundled_model() -> FaceModel:
    """The head model that ships with the package (statistics measured on ICT-FaceKit, MIT; see NOTICE)."""
    return FaceModel.load(str(files(__package__) / "assets" / "head_model.h5"))


def load_model(path: str | Path | None = None) -> FaceModel:
    """The bundled model for None or "bundled", else the model file at ``path``.

    Raises:
        ModelError: missing or damaged file.
    """
    return load_bundled_model() if path is None or str(path) == "bundled" else FaceModel.load(path)


def head_model(name: str, root: Path = Path(".")) -> FaceModel:
    """The face model of the project at ``root``: ``bundled``, or a file below it, as ``fit.model`` says.

    Raises:
        ModelError: missing or damaged file, or a model of another topology.
    """
    if name == "bundled":
        return load_model()
    model = load_model(root / name)
    model.require_pipeline(f"fit.model={name}")
    return model
