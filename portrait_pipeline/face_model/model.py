"""The 3D morphable model: mean, identity basis and named expressions on one fixed topology."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..artifacts import read_arrays, write_arrays
from ..mesh import Mesh

BLEND_SHAPE_SPREAD = 0.4


@dataclass(frozen=True)
class FaceModel:
    """v = mean + sum_k a_k identity_basis_k + sum_j e_j expression_basis_j + sum_kj a_k e_j cross_basis_kj.

    a are the identity's and e the expression's coefficients; head space, cm (see :mod:`portrait_pipeline.mesh.mesh`).

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
        uv: (T, 2) float32 in [0, 1], origin bottom left. uv_triangles: (F, 3) int32.
        landmarks: (68,) int32 vertex ids in iBUG order, for a frontal view.
        jaw_contours: (17, C) int32; row i holds the vertex ids along which jaw landmark i slides as the head
            turns, ordered from the image-outer (ear / back) side to the inner (face) side; ``landmarks[i]`` is in
            row i.
        mirror: (V,) int32, vertex permutation of the left-right reflection (x -> -x); an involution.
        regions: (V,) int8, index into ``REGIONS``.
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
    cross_basis: np.ndarray | None
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
            cross = self.cross_basis[: len(identity)]
            result += np.tensordot(np.outer(identity, expression), cross, axes=2)
        return result

    def mesh(self, vertices: np.ndarray | None = None) -> Mesh:
        """The model's topology and UV with the given (V, 3) positions, or the mean's."""
        return Mesh(self.mean if vertices is None else vertices, self.triangles, self.uv, self.uv_triangles)

    def save(self, path: str | Path) -> None:
        """Write the model as HDF5 (bases as float16: at most 0.02 mm of error)."""
        arrays = {
            "mean": self.mean.astype(np.float32),
            "triangles": self.triangles.astype(np.int32),
            "identity_basis": self.identity_basis.astype(np.float16),
            "expression_basis": self.expression_basis.astype(np.float16),
            "expression_names": np.array(self.expression_names),
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
        write_arrays(path, arrays, {"name": self.name}, kind="face_model")

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a model written by :meth:`save`.

        Raises:
            ArtifactError: missing or damaged file.
        """
        arrays, attributes = read_arrays(path, kind="face_model")
        arrays = blend_shape_limits(len(arrays["expression_basis"])) | {"cross_basis": None} | arrays
        for basis in ("identity_basis", "expression_basis", "cross_basis"):
            if arrays[basis] is not None:
                arrays[basis] = arrays[basis].astype(np.float32)
        arrays["expression_names"] = tuple(str(name) for name in arrays["expression_names"])
        return cls(name=str(attributes["name"]), **arrays)


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
    return FaceModel.load(str(files("portrait_pipeline.face_model") / "assets" / "head_model.h5"))
