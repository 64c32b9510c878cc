"""The 3D morphable model: mean, identity basis and named expressions on one fixed topology."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..artifacts import read_arrays, write_arrays
from ..mesh import Mesh


@dataclass(frozen=True)
class FaceModel:
    """v = mean + sum_k identity_k * identity_basis_k + sum_j expression_j * expression_basis_j (head space, cm).

    Attributes:
        name: of the model, stored with every fit.
        mean: (V, 3) float32.
        triangles: (F, 3) int32, counter-clockwise from outside.
        identity_basis: (K, V, 3) float32, scaled so that coefficients are N(0, 1) over the population.
        expression_basis: (E, V, 3) float32, coefficient 1 is the full shape, valid range [0, 1].
        expression_names: E ARKit names, e.g. ``jawOpen``, ``eyeBlinkLeft``.
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
        return (
            self.mean.astype(float)
            + np.tensordot(identity, self.identity_basis[: len(identity)], axes=1)
            + np.tensordot(expression, self.expression_basis, axes=1)
        )

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
            "uv": self.uv.astype(np.float32),
            "uv_triangles": self.uv_triangles.astype(np.int32),
            "landmarks": self.landmarks.astype(np.int32),
            "jaw_contours": self.jaw_contours.astype(np.int32),
            "mirror": self.mirror.astype(np.int32),
            "regions": self.regions.astype(np.int8),
        }
        write_arrays(path, arrays, {"name": self.name}, kind="face_model")

    @classmethod
    def load(cls, path: str | Path) -> FaceModel:
        """Read a model written by :meth:`save`.

        Raises:
            ArtifactError: missing or damaged file.
        """
        arrays, attributes = read_arrays(path, kind="face_model")
        for basis in ("identity_basis", "expression_basis"):
            arrays[basis] = arrays[basis].astype(np.float32)
        arrays["expression_names"] = tuple(str(name) for name in arrays["expression_names"])
        return cls(name=str(attributes["name"]), **arrays)


@lru_cache(maxsize=1)
def load_bundled_model() -> FaceModel:
    """The head model that ships with the package (statistics measured on ICT-FaceKit, MIT; see NOTICE)."""
    return FaceModel.load(str(files("portrait_pipeline.face_model") / "assets" / "head_model.h5"))
