"""``portrait deform measure``: one head deformed towards many artworks with several settings, as a table."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np

from ...base.artifacts import write_json
from ...base.errors import FitError, InputFileError
from ...fit.fit import fit_landmarks, frontalise
from ...fit.params import FitParams
from ...fit.settings import FitSettings
from ...head.model import FaceModel, load_bundled_model
from ...perception.files import SUFFIXES, read_points
from ...pipeline.params import Params, load_params, with_overrides
from .deformation import compare_settings

MAX_BYTES = 200_000_000
COLUMNS = {
    "residual": (100, "res %"),
    "residual_max": (100, "max %"),
    "flipped": (1, "flips"),
    "intersections": (1, "cross"),
    "faces_intersections_lips": (1, "lips"),
    "faces_intersections_lids": (1, "lids"),
    "edges": (100, "edge %"),
    "edges_95": (100, "95 %"),
    "detail": (100, "detail %"),
    "bend_95": (1, "bend deg"),
    "ears": (100, "ears %"),
    "back": (100, "back %"),
    "milliseconds": (1, "ms"),
}


def measure_deformations(
    source: Path,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    laplacians: Sequence[str],
    follows: Sequence[str],
    scales: Sequence[float],
    limit: int | None,
    notify: Callable[[str], None],
) -> list[str]:
    """Measure every combination of settings on the mean head and write the table as JSON.

    Args:
        source: NPZ with ``landmarks`` (N, 68, 2), or a folder of landmark files (``.pts``, ``.txt``).
        output: JSON file. project: folder whose params.yaml gives the other parameters, if it has one.
        overrides: ``section.name=value``.
        laplacians, follows: of :class:`.DeformSettings`. scales: of ``deform.scale``. Empty: those of the parameters.
        limit: take this many faces, evenly spread; None for all.
        notify: receives one line a setting.

    Returns:
        The table's lines.

    Raises:
        PortraitError: any user error.
    """
    file = project / "params.yaml"
    params = with_overrides(load_params(file) if file.is_file() else Params(pairs={}), overrides)
    base = params.deform.settings()
    scaled = [with_overrides(params, [f"deform.scale={scale}"]).deform.scale for scale in scales]
    settings = [
        (scale, base.model_copy(update={"laplacian": laplacian, "follow": follow}))
        for scale, laplacian, follow in product(
            scaled or [params.deform.scale], laplacians or [base.laplacian], follows or [base.follow]
        )
    ]
    model = load_bundled_model()
    faces = read_faces(source)
    if limit is not None:
        faces = faces[np.unique(np.linspace(0, len(faces) - 1, min(limit, len(faces))).round().astype(int))]
    frontal = _frontal(model, faces, params.fit, notify)
    rows = compare_settings(model, model.mean.astype(float), frontal, settings, notify)
    write_json(output, {"faces": len(frontal), "settings": rows})
    return table(rows)


def read_faces(source: Path) -> np.ndarray:
    """Points (N, 68, 2), px, y down, of an NPZ file's array ``landmarks`` or of a folder's landmark files.

    Raises:
        InputFileError, LandmarkError: missing, too large or damaged; the message names the file.
    """
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
        if not files:
            raise InputFileError(f"{source}: holds no landmark file ({' or '.join(SUFFIXES)}); name another folder")
        return np.stack([read_points(path) for path in files])
    try:
        if source.stat().st_size > MAX_BYTES:
            raise InputFileError(f"{source}: larger than {MAX_BYTES // 10**6} MB; name a file of landmarks")
        with np.load(source, allow_pickle=False) as arrays:
            points = np.asarray(arrays["landmarks"], float)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise InputFileError(f"{source}: no NPZ file with an array 'landmarks' ({error})") from error
    if points.ndim != 3 or points.shape[1:] != (68, 2) or len(points) == 0 or not np.isfinite(points).all():
        raise InputFileError(f"{source}: 'landmarks' has shape {points.shape}, expected (N, 68, 2) finite numbers")
    return points


def _frontal(model: FaceModel, faces: np.ndarray, params: FitParams, notify: Callable[[str], None]) -> np.ndarray:
    """The faces with their pose taken out; those that are none from the front are left out and told."""
    found = []
    for index, points in enumerate(faces):
        try:
            found.append(frontalise(model, fit_landmarks(model, points, FitSettings.for_art(params)), points))
        except FitError as error:
            notify(f"face {index + 1} of {len(faces)} is left out: {error}")
    if not found:
        raise InputFileError("no face is seen from the front; name other landmarks")
    return np.stack(found)


def table(rows: Sequence[dict[str, float | str]]) -> list[str]:
    """The rows as text, percentages and counts; ``lips`` and ``lids`` count faces, the others are means."""
    lines = [f"{'laplacian':<11}{'follow':<11}{'scale':>5}" + "".join(f"{title:>9}" for _, title in COLUMNS.values())]
    for row in rows:
        values = "".join(f"{factor * float(row[name]):>9.2f}" for name, (factor, _) in COLUMNS.items())
        lines.append(f"{row['laplacian']:<11}{row['follow']:<11}{row['scale']:>5g}{values}")
    return lines
