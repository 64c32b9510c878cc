"""Parameters of the stages ``landmark_sets`` and ``shape_space``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Section, Sources


class LandmarkSetsParams(Section):
    """Training landmarks of both domains."""

    normal: Sources = "generated"
    """Normal faces: ``generated`` from the face model, a folder of images or landmark files, a ``.npz`` or ``.h5``
    file, or a list of such entries."""
    art: Sources = "generated"
    """Art faces: ``generated`` by families of exaggeration, or entries as for ``normal``."""
    normal_count: Annotated[int, Field(ge=64, le=1_000_000)] = 6269
    """Number of generated normal faces (paper: 6 269)."""
    art_count: Annotated[int, Field(ge=64, le=1_000_000)] = 11415
    """Number of generated art faces (paper: 11 415)."""
    outliers: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.2
    """Collected faces further from the others of their source than this many times the median distance are left out (in
    art, where exaggeration is wanted, 15/11 times this, 3.0), and so are faces whose lines cross beyond mending; 0
    keeps all."""
    bad_files: Literal["refuse", "skip"] = "refuse"
    """A file that cannot be used, or an image without a face: stop and name it, or leave it out and name it."""


class ShapeSpaceParams(Section):
    """Alignment, PCA and K-means."""

    alignment: Literal["similarity", "affine"] = "similarity"
    """Three-point alignment: least-squares similarity, or the exact affine of the paper."""
    components: Annotated[int, Field(ge=2, le=136)] = 32
    """PCA components (paper: 32)."""
    classes: Annotated[int, Field(ge=2, le=1000)] = 25
    """K-means classes of the art domain (paper: 25)."""
    held_out: Annotated[float, Field(gt=0, lt=0.5)] = 0.1
    """Share of each domain kept out of training, for FID."""
