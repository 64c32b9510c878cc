"""The perceptual study as a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...base.artifacts import write_json
from ...head.model import load_bundled_model
from ...perceptual.perceptual import PerceptualNetwork
from .answers import CHOICES, StudyMeasure, summary
from .sources import Notify, find_heads, load_study


def measure_files(
    source: Path,
    photo_folders: Sequence[Path],
    art_folders: Sequence[Path],
    output: Path,
    notify: Notify,
    choices: int = CHOICES,
) -> dict[str, Any]:
    """Ask the machine about every head and write the answers, :func:`.answers.summary`, as JSON.

    Args:
        source: project folder or table, see :func:`.sources.find_heads`.
        photo_folders, art_folders: where wrong answers come from, besides the other heads' pictures.
        choices: pictures a question.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    study = load_study(find_heads(source), photo_folders, art_folders, load_bundled_model(), notify)
    notify(f"{len(study.heads)} heads, {len(study.photos)} photos, {len(study.artworks)} artworks")
    measure = StudyMeasure(study.photos, study.artworks, PerceptualNetwork("bundled"))
    candidates = measure.candidates(study.heads, choices)
    result = summary(study, candidates, measure.ask(study.heads, *candidates))
    write_json(output, result)
    return result


def table(result: dict[str, Any]) -> str:
    """Right answers in per cent by head and by view, and over all."""
    rows = result["by_head"] | {f"view: {name}": row for name, row in result["by_view"].items()}
    shares = pd.DataFrame.from_dict(rows, orient="index")[["photo", "art"]]
    lines = [shares.to_string(float_format="%.0f")]
    for kind in ("photo", "art"):
        low, high = result[f"{kind}_interval"]
        lines.append(
            f"{kind}: {result[f'{kind}_accuracy']:.1f} % of {result['heads'] * result['views']} (95 %: {low:.1f} to "
            f"{high:.1f}), chance {result['chance']:.0f} %, heads exchanged {result['exchanged'][kind]:.1f} %"
        )
    return "\n".join(lines)
