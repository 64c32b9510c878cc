"""The proof of the fit on known heads: methods and conditions side by side, as metrics, tables and figures."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from .fit_errors import bin_by_yaw, coefficient_correlations, draw_heads, face_and_head, measure_head, summarise
from .fit_plots import plot_coefficients, plot_errors, plot_heads
from .known_heads import DrawnRange, KnownHead

POSE_ONLY = 1e6
"""Prior weights with which only the pose is left to fit."""
YAW_STEP = 15
SHOWN_HEADS = 4


@dataclass(frozen=True)
class Case:
    """A row of the proof: which points are given to the fit, its parameters, and whether all heads are used."""

    points: str
    params: FitParams
    all_heads: bool = False


@dataclass
class Results:
    """Fits of one case: head numbers, rows of :func:`.fit_errors.measure_head` and identities."""

    heads: list[int] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)
    identities: list[np.ndarray] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def add(self, head: int, row: dict[str, float], identity: np.ndarray, seconds: float) -> None:
        self.heads.append(head)
        self.rows.append(row)
        self.identities.append(identity)
        self.seconds.append(seconds)


@dataclass(frozen=True)
class Proof:
    """Everything measured.

    Attributes:
        cases: name to results; ``fit`` is the default fit on all heads.
        yaws: (H,) degrees of the heads. identities: (H, K) true coefficients.
        shown: (heads, fits) that the figure shows, from the best to the worst.
        bins: edges of absolute yaw.
    """

    cases: dict[str, Results]
    yaws: np.ndarray
    identities: np.ndarray
    shown: list[tuple[KnownHead, Fit]]
    bins: tuple[float, ...]


def cases_of(params: FitParams) -> dict[str, Case]:
    """The rows of the proof: the fit, under wrong and missing points, and what it is compared with."""
    rigid = params.model_copy(update={"identity_prior": POSE_ONLY, "expression_prior": POSE_ONLY})
    return {
        "fit": Case("noise", params, all_heads=True),
        "outliers": Case("outliers", params),
        "missing": Case("missing", params),
        "weak_perspective": Case("noise", params.model_copy(update={"camera": "weak"})),
        "mean_head": Case("noise", rigid),
    }


def prove(model: FaceModel, fit: FitParams, proof: FitProofParams, progress: Progress = silent) -> Proof:
    """Fit heads drawn from the model and measure the errors.

    Args:
        model: heads come from it and are fitted with it.
        fit: parameters under test. proof: what is drawn.

    Raises:
        FitError: no head at all could be fitted.
    """
    cases, regions = cases_of(fit), face_and_head(model)
    results = {name: Results() for name in cases}
    ranges = DrawnRange(proof.max_yaw, proof.max_pitch, proof.max_roll, image_size=proof.image_size)
    heads, fits = [], {}
    drawn = draw_heads(model, proof.heads, ranges, proof.noise, proof.outliers, np.random.default_rng(proof.seed))
    for number, (head, inputs) in enumerate(drawn):
        heads.append(head)
        for name, case in cases.items():
            if case.all_heads or number < proof.compared:
                given = inputs[case.points]
                start = time.perf_counter()
                try:
                    found = fit_landmarks(model, given.points, case.params, given.weights, (proof.image_size,) * 2)
                except FitError:
                    results[name].failed += 1
                    continue
                seconds = time.perf_counter() - start
                row = measure_head(model, head, found, regions, proof.coefficients)
                results[name].add(number, row, found.identity, seconds)
                if case.all_heads:
                    fits[number] = found
        progress(number + 1, proof.heads, {"face_mm": results["fit"].rows[-1]["face_mm"]} if fits else {})
    if not all(result.rows for result in results.values()):
        raise FitError("fit_proof: no head could be fitted; loosen the priors and the noise of section fit")
    order = np.argsort([row["face_mm"] for row in results["fit"].rows])
    chosen = [results["fit"].heads[i] for i in order[np.linspace(0, len(order) - 1, SHOWN_HEADS).astype(int)]]
    edges = tuple(np.unique([*np.arange(0.0, proof.max_yaw, YAW_STEP), proof.max_yaw + 1e-9]).tolist())
    return Proof(
        results,
        np.array([head.angles[0] for head in heads]),
        np.array([head.identity for head in heads]),
        [(heads[number], fits[number]) for number in chosen],
        edges,
    )


def metrics(proof: Proof) -> dict[str, object]:
    """The content of metrics/fit.json; no run times, so that equal code gives equal metrics."""
    result: dict[str, object] = {"heads": len(proof.yaws)}
    for name, case in proof.cases.items():
        result[name] = {"heads": len(case.rows), "failed": case.failed} | summarise(case.rows)
    fit = proof.cases["fit"]
    yaws = proof.yaws[fit.heads]
    result["by_yaw"] = bin_by_yaw(fit.rows, yaws.tolist(), proof.bins)
    return result


def tables(proof: Proof) -> Mapping[str, pd.DataFrame]:
    """CSV tables by name: ``cases`` (a row each), ``heads`` (the fit of each head), ``coefficients``."""
    fit = proof.cases["fit"]
    cases = [
        {"case": name, "heads": len(case.rows), "failed": case.failed} | summarise(case.rows)
        for name, case in proof.cases.items()
    ]
    heads = pd.DataFrame(fit.rows)
    heads.insert(0, "head", fit.heads)
    heads.insert(1, "true_yaw", proof.yaws[fit.heads])
    correlations = coefficient_correlations(np.array(fit.identities), proof.identities[fit.heads])
    coefficients = pd.DataFrame({"coefficient": np.arange(1, len(correlations) + 1), "correlation": correlations})
    return {"cases": pd.DataFrame(cases), "heads": heads, "coefficients": coefficients}


def write_proof(model: FaceModel, proof: Proof, folder: Path, metrics_file: Path) -> None:
    """Write metrics, tables and figures.

    Raises:
        OutputError: the disk refuses.
    """
    written = tables(proof)
    for name, table in written.items():
        with atomic_path(folder / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    fit = proof.cases["fit"]
    rows = {name: pd.DataFrame(case.rows) for name, case in proof.cases.items()}
    yaws = {name: proof.yaws[case.heads] for name, case in proof.cases.items()}
    figures = {
        "errors": plot_errors(rows, yaws),
        "coefficients": plot_coefficients(
            np.array(fit.identities), proof.identities[fit.heads], written["coefficients"]["correlation"].to_numpy()
        ),
        "heads": plot_heads(model, proof.shown),
    }
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png")
    write_json(metrics_file, metrics(proof))


def summary_lines(proof: Proof) -> list[str]:
    """What the stage says on the terminal, with the milliseconds that are no metric."""
    lines = []
    for name, case in proof.cases.items():
        value = summarise(case.rows)
        lines.append(
            f"{name}: face {value['face_mm']:.2f} mm, head {value['head_mm']:.2f} mm, correlation "
            f"{value['correlation']:.2f}, yaw {value['yaw_deg']:.2f} pitch {value['pitch_deg']:.2f} roll "
            f"{value['roll_deg']:.2f} degrees, {1000 * np.median(case.seconds):.0f} ms a head"
        )
    return lines
