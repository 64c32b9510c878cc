"""Parameters of the stages ``landmark_sets`` and ``shape_space``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..base.params import Section, Seed, Sources

SourceWeights = Annotated[list[Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]], Field(max_length=64)]


class LandmarkSetsParams(Section):
    """Training landmarks of both domains."""

    normal: Sources = "generated"
    """Normal faces: ``generated`` from the face model, a folder of images or landmark files, a ``.npz`` or ``.h5``
    file, or a list of such entries. Keep your own under data/landmarks, where changes are noticed."""
    art: Sources = "generated"
    """Art faces: ``generated`` by families of exaggeration, or entries as for ``normal``."""
    normal_weights: SourceWeights = []
    """How often each entry of ``normal`` enters, one number each (0.5: half of its faces, drawn); [] is 1 each."""
    art_weights: SourceWeights = []
    """The same for the entries of ``art``."""
    normal_count: Annotated[int, Field(ge=64, le=1_000_000)] = 6269
    """Number of generated normal faces (paper: 6 269)."""
    art_count: Annotated[int, Field(ge=64, le=1_000_000)] = 11415
    """Number of generated art faces (paper: 11 415)."""
    max_yaw: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 20.0
    """Collected normal faces may be turned sideways by this many degrees, as estimated from the points."""
    max_pitch: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 25.0
    """... and lifted or lowered by this many degrees."""
    art_max_yaw: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 30.0
    """``max_yaw`` of collected art faces, looser because exaggeration looks like a turn."""
    art_max_pitch: Annotated[float, Field(ge=0, le=90, allow_inf_nan=False)] = 35.0
    """``max_pitch`` of collected art faces."""
    outliers: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 2.2
    """Collected normal faces further from the others of their source than this many times the median distance are
    left out, and so are faces whose lines cross beyond mending; 0 keeps all."""
    art_outliers: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 3.0
    """``outliers`` of collected art faces, looser because exaggeration is what they are for."""
    missing: Literal["fill", "drop"] = "fill"
    """Faces with missing points: fill them in from the complete faces of the domain, or drop the face."""
    max_missing: Annotated[int, Field(ge=0, le=60)] = 24
    """Faces with more missing and occluded points than this are dropped in any case."""
    occluded: Literal["trust", "missing"] = "trust"
    """Points marked as occluded: use them where they were placed, or treat them as missing."""
    bad_files: Literal["refuse", "skip"] = "refuse"
    """A file that cannot be used, or an image without a face: stop and name it, or leave it out and name it."""
    seed: Seed = 0
    """Seed of the generator and of the draws by weight."""


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
    seed: Seed = 0
    """Seed of the K-means restarts and of the split."""
