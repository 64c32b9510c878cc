"""The perceptual study as a command: measure it by machine, write it for people (:mod:`.questionnaire`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base.artifacts import write_json
from ...base.errors import ParameterError
from ...head.model import load_bundled_model
from ...perceptual.perceptual import PerceptualNetwork
from .answers import AZIMUTH, CHOICES, Candidates, Study, StudyMeasure, interval, summary
from .questionnaire import build_questionnaire, write_questionnaire
from .sources import Notify, find_heads, load_study


def measure_files(
    source: Path,
    photo_folders: Sequence[Path],
    art_folders: Sequence[Path],
    output: Path,
    notify: Notify,
    choices: int = CHOICES,
    azimuth: float = AZIMUTH,
    weights: str = "bundled",
) -> dict[str, Any]:
    """Ask the machine about every head and write the answers as JSON.

    Args:
        source: project folder or table, see :func:`.study_sources.find_heads`.
        photo_folders, art_folders: where wrong answers come from, besides the other heads' pictures.
        choices: pictures a question. azimuth: degrees of the side views.
        weights: of the perceptual network.

    Returns:
        What was written, see :func:`portrait_pipeline.lab.study.answers.summary`.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    study, measure, candidates = _prepare(source, photo_folders, art_folders, choices, weights, notify)
    notify(f"{len(study.heads)} heads, {len(study.photos)} photos, {len(study.artworks)} artworks")
    photo, art = measure.ask(study.heads, candidates, azimuth)
    result = summary(study, candidates, photo, art, azimuth)
    write_json(output, result)
    return result


def write_files(
    source: Path,
    photo_folders: Sequence[Path],
    art_folders: Sequence[Path],
    output: Path,
    key: Path,
    title: str,
    seed: int,
    notify: Notify,
    choices: int = CHOICES,
    azimuth: float = AZIMUTH,
) -> None:
    """Write the same questions for people: the page and, apart from it, its key.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    study, _, candidates = _prepare(source, photo_folders, art_folders, choices, "bundled", notify)
    write_questionnaire(output, key, build_questionnaire(study, candidates, title, seed, azimuth))


def _prepare(
    source: Path,
    photo_folders: Sequence[Path],
    art_folders: Sequence[Path],
    choices: int,
    weights: str,
    notify: Notify,
) -> tuple[Study, StudyMeasure, Candidates]:
    study = load_study(find_heads(source), photo_folders, art_folders, load_bundled_model(), notify)
    for what, pool in (("photos", study.photos), ("artworks", study.artworks)):
        if len(pool) < choices:  # said at once; copies among them are found later
            raise ParameterError(
                f"choices is {choices}, but there are only {len(pool)} {what} to choose from; give a "
                "larger pool (--photos, --art) or fewer choices"
            )
    measure = StudyMeasure(study.photos, study.artworks, PerceptualNetwork(weights))
    return study, measure, measure.candidates(study.heads, choices)


def measure_lines(result: dict[str, Any]) -> list[str]:
    """What the command prints of :func:`measure_files`."""
    asked = result["heads"] * result["views"]
    lines = [f"{'':32} photo    art"]
    for name, row in result["by_head"].items():
        lines.append(f"{name[:32]:32} {row['photo']:5.0f}  {row['art']:5.0f}")
    lines += [f"{'view: ' + name:32} {row['photo']:5.1f}  {row['art']:5.1f}" for name, row in result["by_view"].items()]
    for kind in ("photo", "art"):
        low, high = interval(round(result[f"{kind}_accuracy"] * asked / 100), asked)
        lines.append(
            f"{kind}: {result[f'{kind}_accuracy']:.1f} % of {asked} (95 %: {low:.1f} to {high:.1f}), "
            f"chance {result['chance']:.0f} %, heads exchanged {result['exchanged'][kind]:.1f} %"
        )
    return lines
