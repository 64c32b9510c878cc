"""Converting and describing face model files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..base.errors import ModelError
from ..base.files import check_output_file, read_text, refusal
from ..base.images import PICTURES, save_image
from ..head.model import FaceModel, load_bundled_model, load_model
from .conversion import EYES, PLAUSIBLE, UNSEEN_SPREAD, Converted, convert
from .formats import read_foreign
from .preview import preview_sheet, registration_sheet

MOST_IDS_BYTES = 100_000


def convert_file(
    source: Path,
    output: Path,
    topology: str = "head",
    landmarks: Path | None = None,
    template: Path | None = None,
    unit: float | None = None,
    notify: Callable[[str], None] = lambda line: None,
) -> Converted:
    """Convert a model of any known format and write ``output`` and, beside it, a picture to check (``.png``).

    Raises:
        ModelError: the source is no known model, damaged, of another unit, or not recognised as a head.
        OutputError: a result cannot be written.
    """
    check_output_file(output, (".h5",))
    kind, foreign = read_foreign(source, template, unit)
    notify(
        f"{source}: {kind}, {len(foreign.mean)} vertices, {len(foreign.identity_basis)} identity components, "
        f"{len(foreign.expression_names)} expressions; registering the bundled head"
    )
    ids = None if landmarks is None else read_landmark_ids(landmarks, len(foreign.mean))
    head = load_bundled_model()
    converted = convert(str(source), kind, foreign, head, topology, ids, unit)
    converted.model.save(output)
    save_image(output.with_suffix(".png"), registration_sheet(converted, head))
    for note in converted.notes:
        notify(note)
    return converted


def preview_file(source: str, output: Path) -> None:
    """Write the picture of a model file or "bundled".

    Raises:
        ModelError: damaged model. OutputError: the picture cannot be written.
    """
    check_output_file(output, PICTURES)
    save_image(output, preview_sheet(load_model(source)))


def read_landmark_ids(path: Path, count: int) -> np.ndarray:
    """(68,) vertex ids from a text file: 68 whole numbers from 0, iBUG order, -1 for unknown ones.

    Raises:
        ModelError: missing file, other content, or an id out of range.
    """
    remedy = f"give 68 vertex ids from 0 to {count - 1} in iBUG order, -1 for unknown ones"
    try:
        words = read_text(path, MOST_IDS_BYTES, refusal(ModelError, path, remedy)).replace(",", " ").split()
        ids = np.array([int(word) for word in words], np.int64)
    except (ValueError, OverflowError) as error:
        raise ModelError(f"{path}: cannot be read as whole numbers; {remedy}") from error
    if ids.shape != (68,) or ids.min() < -1 or ids.max() >= count:
        shown = f"{len(ids)} numbers" if len(ids) != 68 else f"numbers from {ids.min()} to {ids.max()}"
        raise ModelError(f"{path}: {shown}; {remedy}")
    return ids


def model_report(source: str) -> list[str]:
    """Lines that describe a model file or "bundled".

    Raises:
        ModelError: damaged model.
    """
    model = load_model(source)
    eyes = np.linalg.norm(np.subtract(*model.mean[model.landmarks[list(EYES)]].astype(float)))
    low, high = PLAUSIBLE
    size = "as it should be" if low <= eyes <= high else f"expected {low:g} to {high:g}"
    spread = 10.0 * np.sqrt((model.identity_basis[:5].astype(float) ** 2).sum(axis=2).mean(axis=1))
    lent = int((model.expression_spread <= UNSEEN_SPREAD).sum())
    names = [
        name
        for name, width in zip(model.expression_names, model.expression_spread, strict=True)
        if width > UNSEEN_SPREAD
    ]
    lines = [
        f"name         {model.name}",
        f"vertices     {len(model.mean)}",
        f"triangles    {len(model.triangles)}",
        f"identity     {len(model.identity_basis)} components; one standard deviation moves a vertex by "
        + (", ".join(f"{value:.1f}" for value in spread) + " mm" if len(spread) else "nothing"),
        f"expressions  {len(names)} for the fit"
        + (f", {lent} lent by the bundled model for animation" if lent else "")
        + (": " + ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else ""),
        f"bilinear     {'yes' if model.cross_basis is not None else 'no'}",
        f"size         {eyes:.2f} cm between the outer eye corners, {size}",
        f"landmarks    {len(np.unique(model.landmarks))} different vertices of 68; "
        f"{model.jaw_contours.shape[1]} jaw contour candidates each",
        f"texture      {f'{len(model.uv)} coordinates' if len(model.uv) else 'no coordinates'}",
        "good for     " + usable(model),
    ]
    return lines


def usable(model: FaceModel) -> str:
    """What a model can be used for, in words."""
    if model.fits_pipeline:
        return "the whole pipeline: fit, deformation, texture, animation"
    return "fitting only; convert the source with --topology head for the whole pipeline"
