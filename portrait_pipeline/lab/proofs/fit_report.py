"""The proof of the fit on known heads: methods and conditions side by side, as metrics, tables and figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...base.artifacts import atomic_path, write_json
from ...base.errors import FitError
from ...base.progress import Progress, silent
from ...fit.fit import Fit, fit_landmarks
from ...fit.params import FitParams
from ...head.model import FaceModel
from ...shapes.plots import save_figure
from ..params import FitProofParams
from .fit_errors import correlation, draw_heads, measure_head, summarise
from .fit_plots import plot_coefficients, plot_errors, plot_heads
from .known_heads import KnownHead

POSE_ONLY = 1e6
"""Prior weights with which only the pose is left to fit."""
YAW_STEP = 15
SHOWN_HEADS = 4


@dataclass(frozen=True)
class Proof:
    """Everything measured.

    Attributes:
        rows: a row a case and head: ``case``, ``head``, ``true_yaw``, ``seconds`` and those of
            :func:`.fit_errors.measure_head`; case ``fit`` is the default fit on all heads.
        found, true: (H, K) identity coefficients of case ``fit``.
        shown: heads and fits for the figure, from the best to the worst. failed: fits without result, by case.
    """

    rows: pd.DataFrame
    found: np.ndarray
    true: np.ndarray
    shown: list[tuple[KnownHead, Fit]]
    failed: dict[str, int]


def cases_of(params: FitParams) -> dict[str, tuple[str, FitParams]]:
    """Points and parameters by case: the fit, under wrong and missing points, and what it is compared with."""
    rigid = params.model_copy(update={"identity_prior": POSE_ONLY, "expression_prior": POSE_ONLY})
    return {
        "fit": ("noise", params),
        "outliers": ("outliers", params),
        "missing": ("missing", params),
        "weak_perspective": ("noise", params.model_copy(update={"camera": "weak"})),
        "mean_head": ("noise", rigid),
    }


def prove(model: FaceModel, fit: FitParams, proof: FitProofParams, progress: Progress = silent) -> Proof:
    """Fit heads drawn from the model, case ``fit`` all of them, the other cases the first ``proof.compared``.

    Raises:
        FitError: no head at all could be fitted.
    """
    cases, rows, kept = cases_of(fit), [], []
    failed = dict.fromkeys(cases, 0)
    for number, (head, inputs) in enumerate(draw_heads(model, proof, np.random.default_rng(proof.seed))):
        for name, (points, params) in cases.items():
            if name != "fit" and number >= proof.compared:
                continue
            start = time.perf_counter()
            try:
                given, weights = inputs[points]
                found = fit_landmarks(model, given, params, weights, (proof.image_size,) * 2)
            except FitError:
                failed[name] += 1
                continue
            known = {"case": name, "head": number, "true_yaw": head.angles[0], "seconds": time.perf_counter() - start}
            rows.append(known | measure_head(model, head, found))
            if name == "fit":
                kept.append((head, found))
        progress(number + 1, proof.heads, {"face_mm": rows[-1]["face_mm"]} if rows else {})
    table = pd.DataFrame(rows)
    if table.empty or set(table["case"]) != set(cases):
        raise FitError("fit_proof: no head could be fitted; loosen the priors and the noise of section fit")
    order = np.argsort(table.loc[table["case"] == "fit", "face_mm"].to_numpy())
    shown = [kept[k] for k in order[np.linspace(0, len(order) - 1, SHOWN_HEADS).astype(int)]]
    found, true = (np.array([pair[side].identity for pair in kept]) for side in (1, 0))
    return Proof(table, found, true, shown, failed)


def _numbers(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["case", "head", "true_yaw", "seconds"], errors="ignore")


def metrics(proof: Proof) -> dict[str, object]:
    """The content of metrics/fit.json: medians by case and by yaw; no run times, so equal code gives equal ones."""
    result: dict[str, object] = {}
    for name, rows in proof.rows.groupby("case", sort=False):
        result[name] = {"heads": len(rows), "failed": proof.failed[name]} | summarise(_numbers(rows))
    fit = proof.rows[proof.rows["case"] == "fit"]
    low = (fit["true_yaw"].abs() // YAW_STEP * YAW_STEP).astype(int)
    names = ("face_mm", "head_mm", "correlation", "yaw_deg", "pitch_deg", "roll_deg", "turn_deg")
    result["by_yaw"] = {}
    for start, rows in fit.groupby(low):
        summary = summarise(_numbers(rows))
        row = {"heads": len(rows)} | {name: summary[name] for name in names}
        result["by_yaw"][f"{start}-{start + YAW_STEP}"] = row
    return result


def write_proof(model: FaceModel, proof: Proof, folder: Path, metrics_file: Path) -> None:
    """Write metrics, the table of heads and figures.

    Raises:
        OutputError: the disk refuses.
    """
    with atomic_path(folder / "heads.csv") as temporary:
        fit = proof.rows[proof.rows["case"] == "fit"].drop(columns=["case", "seconds"])
        fit.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    correlations = np.array([correlation(a, b) for a, b in zip(proof.found.T, proof.true.T, strict=True)])
    figures = {
        "errors": plot_errors(proof.rows),
        "coefficients": plot_coefficients(proof.found, proof.true, correlations),
        "heads": plot_heads(model, proof.shown),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    write_json(metrics_file, metrics(proof))


def summary_table(proof: Proof) -> str:
    """What the stage says on the terminal, with the milliseconds that are no metric."""
    names = ["face_mm", "head_mm", "correlation", "yaw_deg", "pitch_deg", "roll_deg"]
    table = proof.rows.groupby("case", sort=False).apply(lambda rows: pd.Series(summarise(_numbers(rows)))[names])
    return table.assign(ms=1000 * proof.rows.groupby("case")["seconds"].median()).to_string(float_format="%.2f")
