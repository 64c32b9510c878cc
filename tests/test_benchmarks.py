"""The benchmarks as a user types them, at tiny settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.benchmarks import texture
from portrait_pipeline.lab.benchmarks.subject import sample_subject

pytestmark = pytest.mark.usefixtures("one_thread")
TINY = ("scales=[32]", "iterations=[2]", "views=2", "surround=0", "points=32")


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ("benchmark", *arguments))
    assert result.exit_code == status, result.output
    return result.output


def test_texture_has_a_row_a_method_and_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texture, "VIEWS", texture.VIEWS[:1])
    monkeypatch.setattr(texture, "JUDGED", {"points": 64})
    path = tmp_path / "t.csv"
    options = [part for text in TINY for part in ("-S", f"texture.{text}")] + ["-S", "photo_texture.size=64"]
    options += "--method multi_view --method uv_space --together 1 --together 2 --repeat 1".split()
    run("texture", "--synthetic", *options, "-o", str(path))
    rows = pd.read_csv(path)
    assert list(rows["method"]) == ["multi_view", "multi_view", "uv_space"] and list(rows["heads"]) == [1, 2, 1]
    assert (rows["steps"] == 2).all() and (rows["best_s"] > 0).all() and rows["peak_mib"].between(50, 1e5).all()
    np.testing.assert_allclose(rows["heads_a_minute"], 60 * rows["heads"] / rows["best_s"], rtol=1e-4)
    assert (rows[["style", "content"]] > 0).all(axis=None)
    assert "no such method" in run("texture", "--synthetic", *options, "--method", "magic", status=1).splitlines()[-1]


def test_networks_have_a_row_each_and_the_seconds_of_their_schedules() -> None:
    sets = ("-S", "landmark_sets.art_count=640", "-S", "translation.batch_size=64", "-S", "translation.epochs=10")
    lines = run("networks", "--steps", "2", *sets).splitlines()
    assert all(any(name in line for line in lines) for name in ("stage one", "cyclegan", "munit", "drit", "one transl"))
    fields = next(line.split() for line in lines if "stage two" in line and " 64 " in line)
    # 576 faces are trained on: 9 steps of 64 an epoch, 10 epochs
    assert float(fields[5]) == pytest.approx(float(fields[4]) * 90 / 1000, abs=0.06)


def test_the_sample_needs_no_trained_networks_and_memory_is_seen() -> None:
    subject = sample_subject(load_bundled_model(), 64, True)
    assert subject.photo.shape == (64, 64, 3) and subject.labels.shape == (64, 64)
    assert 50 < texture.peak_memory(torch.device("cpu")) < 1e5


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from portrait_pipeline.lab.__main__ import main\n"
        "try: main(['benchmark', 'texture', '--help'])\n"
        "except SystemExit as e: print('status', e.code)\n"
        "print('heavy', sorted({'torch', 'cv2', 'h5py', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "status 0" in output and "heavy []" in output
