"""The texture benchmarks as a user types them, at tiny settings; clocks, counts and exponents."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from portrait_pipeline.base.errors import InputFileError
from portrait_pipeline.base.images import load_image
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.benchmarks import measure as benchmark_measure
from portrait_pipeline.lab.benchmarks import texture as benchmark_texture
from portrait_pipeline.lab.benchmarks.measure import PeakMemory, StepClock
from portrait_pipeline.lab.benchmarks.subject import load_subject, read_arrays
from portrait_pipeline.lab.benchmarks.sweep import Cost, Sizes, doublings, exponent
from portrait_pipeline.perceptual import layers as perceptual_layers
from portrait_pipeline.perceptual.operations import network_operations, step_operations

pytestmark = pytest.mark.usefixtures("one_thread")
FEW = (
    "--subject",
    "synthetic",
    "--device",
    "cpu",
    "-S",
    "texture.views=2",
    "-S",
    "texture.surround=0",
    "-S",
    "texture.points=32",
)
TINY = (*FEW, "--scales", "32", "--iterations", "2", "--texture-size", "64", "--evaluation-size", "32")


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(main, ("benchmark", *arguments))
    assert result.exit_code == status, result.output
    return result.output


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


# -- the table -----------------------------------------------------------------------------------------------------


def test_table_has_a_row_a_setting_and_one_a_batch(tmp_path):
    output = run(
        "texture",
        *TINY,
        "--iterations",
        "3",
        "--methods",
        "multi_view,uv_space",
        "--together",
        "2",
        "--subject",
        "synthetic",
        "-o",
        str(tmp_path / "t.csv"),
    )  # both subjects in the batch
    head, titles, *lines = output.splitlines()
    assert head.startswith("CPU") and titles.split()[:3] == ["method", "renderer", "heads"]
    rows = rows_of(tmp_path / "t.csv")
    assert len(lines) == len(rows) == 6
    found = [(row["method"], row["heads"], row["iterations"], row["steps"]) for row in rows]
    assert found == [
        (method, heads, steps, steps)
        for steps in ("2", "3")
        for method, heads in (("multi_view", "1"), ("uv_space", "1"), ("multi_view", "2"))
    ]
    for row in rows:
        assert row["renderer"] == "cpu" and row["device"] == "cpu" and row["scales"] == "32"
        seconds, steps, memory = (float(row[name]) for name in ("seconds", "step_seconds", "memory_mib"))
        assert 0 < steps < seconds < 60 and 50 < memory < 1e5
        assert float(row["heads_a_minute"]) == pytest.approx(60 * int(row["heads"]) / seconds, rel=1e-3)
        assert min(float(row[name]) for name in ("loss", "style", "content")) > 0
    assert float(rows[0]["times_single"]) == 1
    single = float(rows[0]["heads_a_minute"])
    assert float(rows[2]["times_single"]) == pytest.approx(float(rows[2]["heads_a_minute"]) / single, rel=1e-3)


def test_losses_of_all_rows_are_measured_alike(tmp_path):
    run("texture", *TINY, "-o", str(tmp_path / "a.csv"))
    first = rows_of(tmp_path / "a.csv")[0]
    seeded = ("-S", "seed=3", "-S", "texture.strength=0.0")
    for name, more in (("c", seeded), ("d", (*seeded, "-S", "texture.points=64"))):
        run("texture", *TINY, *more, "-o", str(tmp_path / f"{name}.csv"))
    third, fourth = (rows_of(tmp_path / f"{name}.csv")[0] for name in ("c", "d"))
    assert third["style"] == fourth["style"], "the photo is the photo, whatever the settings"
    assert float(third["loss"]) == 0.0 and third["style"] != first["style"]


def test_samples_need_no_trained_networks_and_can_be_taken_elsewhere(tmp_path):
    path = tmp_path / "subject.npz"
    assert str(path) in run("texture", "--save", str(path), "--texture-size", "64")
    arrays = read_arrays(path)
    assert arrays["texture"].shape == (64, 64, 3) and arrays["art_points"].shape == (68, 2)
    output = run("texture", *TINY[2:], "--subject", str(path))
    assert "multi_view" in output
    subject = load_subject(str(path), 128, True)
    assert subject.photo.shape == (128, 128, 3) and subject.labels.shape == (128, 128)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--methods", "magic"), "--methods magic: no such method"),
        (("-S", "texture.betta=1"), "no such parameter"),
        (("--scales", "32,64"), "texture.iterations has 1 entries"),
        (("--subject", "missing.npz"), "missing.npz: no file of arrays"),
        (("--renderer", "nvdiffrast"), "the renderer is nvdiffrast"),
        (("--renderer", "opengl"), "renderer"),
    ],
)
def test_mistakes_are_one_line(options, words):
    output = run("texture", *TINY, *options, status=1).splitlines()
    assert words in output[-1] and len([line for line in output if line.startswith("portrait:")]) == 1


def test_usage_errors_and_help_import_nothing_heavy():
    for command in ("texture", "sweep"):
        code = (
            "import sys; from portrait_pipeline.lab.__main__ import main\n"
            f"try: main(['benchmark', {command!r}, '--help'])\n"
            "except SystemExit as e: print('status', e.code)\n"
            "print('heavy', sorted({'torch', 'cv2', 'h5py', 'scipy', 'pydantic'} & set(sys.modules)))"
        )
        output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        assert f"usage: portrait benchmark {command}" in output and "status 0" in output and "heavy []" in output
    result = CliRunner().invoke(main, ["benchmark", "texture", "--iterations", "x"])
    assert result.exit_code == 2


def test_runs_as_a_module_without_the_packages_of_other_parts():
    """As on a rented GPU, where only what the optimisation computes with is installed."""
    code = """
import importlib.abc, importlib.machinery, sys
class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.split('.')[0] in {'dvc', 'trimesh', 'dlib', 'click', 'rich', 'PIL', 'skimage', 'sklearn', 'matplotlib'}:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        raise ModuleNotFoundError(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.insert(0, Absent())
import runpy
runpy.run_module('portrait_pipeline.lab.benchmarks.texture', run_name='__main__')
"""
    done = subprocess.run([sys.executable, "-c", code, "texture", *TINY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "multi_view" in done.stdout


# -- the sweep -----------------------------------------------------------------------------------------------------


def test_sweep_prints_writes_fits_and_plots(tmp_path):
    table, plot = tmp_path / "s.csv", tmp_path / "s.png"
    options = (*FEW, "--base", "32,32,2,1,16", "--doublings", "2", "--steps", "1", "--peak", "0.1")
    output = run("sweep", *options, "-o", str(table), "--plot", str(plot))
    rows = rows_of(table)
    assert [row["axis"] for row in rows[::3]] == ["size", "texture", "views", "views_per_step", "points"]
    assert [row["value"] for row in rows[:3]] == ["32", "64", "128"]
    assert all(float(row["ms_a_step"]) > 0 and float(row["preparation"]) > 0 for row in rows)
    for row in rows:
        assert float(row["tflops"]) == pytest.approx(float(row["gflop"]) / float(row["ms_a_step"]), rel=1e-3)
        assert float(row["share"]) == pytest.approx(float(row["tflops"]) / 0.1, rel=1e-3)
    assert "of peak" in output and output.count("step ~ value^") == 5
    again = run("sweep", "--read", str(table), "--plot", str(tmp_path / "again.png"))
    assert again.count("step ~ value^") == 5 and "of peak" in again
    pictures = [load_image(path).astype(float) for path in (plot, tmp_path / "again.png")]
    assert pictures[0].shape[1] > 1000 and np.abs(pictures[0] - pictures[1]).mean() < 0.5, "but for rounded numbers"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--axes", "height"), "--axes height: no such axis"),
        (("--base", "32,32"), "--base has 2 numbers; it needs 5"),
        (("--base", "8,32,2,1,16"), "--base: size is 8; it must be at least 32"),
        (("--read", "none.csv"), "none.csv: no table"),
    ],
)
def test_mistakes_of_a_sweep_are_one_line(options, words):
    assert words in run("sweep", *FEW, *options, status=1).splitlines()[-1]


def test_doublings_hold_the_other_sizes():
    base = Sizes(128, 64, 4, 1, 64)
    found = list(doublings(base, ["size", "views_per_step"], 4))
    assert [sizes.size for axis, sizes in found if axis == "size"] == [32, 64, 128, 256, 512]
    assert [sizes.views_per_step for axis, sizes in found if axis != "size"] == [1, 2, 4, 8, 16]
    assert {(sizes.texture, sizes.points) for _, sizes in found} == {(64, 64)}


def test_exponents_are_those_of_power_laws():
    values = np.array([1, 2, 4, 8, 16])
    assert exponent(values, 3.0 * values**2) == pytest.approx(2)
    assert exponent(values, 5.0 + 0 * values) == pytest.approx(0)
    assert exponent(values, [9, 9, 1, 2, 4]) == pytest.approx(1), "small sizes, all overhead, do not count"
    assert exponent([1], [1]) == 0 and exponent([1, 2], [1, 8]) == pytest.approx(3)


def test_damaged_tables_are_refused(tmp_path):
    path = tmp_path / "s.csv"
    for text in ("", "axis,value\nsize,3\n", "axis,value,ms_a_step,preparation,memory_mib,gflop,tflops,share\n"):
        path.write_text(text)
        assert "no table" in run("sweep", "--read", str(path), status=1)


# -- clocks and counts ---------------------------------------------------------------------------------------------


def test_operations_count_the_convolutions():
    counted = []

    def convolve(index: int, x: torch.Tensor) -> torch.Tensor:
        out, into = perceptual_layers.shapes()[index]
        counted.append(2 * 9 * into * out * x.shape[2] * x.shape[3])
        return torch.zeros(1, out, *x.shape[2:])

    perceptual_layers.run(torch.zeros(1, 3, 64, 64), convolve)
    assert network_operations(64) == sum(counted)
    assert network_operations(224) == pytest.approx(30.7e9, rel=0.01), "VGG-16's 15.3 G multiplications and additions"
    small, large = step_operations(64, 256, 512), step_operations(128, 256, 512)
    assert large.network == 4 * small.network and large.losses == small.losses < small.total
    assert small.network == 2 * network_operations(64)


def test_clock_of_steps_leaves_preparation_out(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(benchmark_measure.time, "perf_counter", lambda: now[0])
    clock = StepClock([4, 60, 2])
    reports = [(1, 10.0), (2, 11.0), (3, 12.0), (4, 13.0), (34, 50.0), (64, 80.0), (66, 100.0)]
    for step, at in reports:
        now[0] = at
        clock(step, 66, {})
    # One second a step; one second a step, reported each 30; two steps reported once, with their preparation.
    assert clock.seconds == pytest.approx(4 + 60 + 20)
    assert StepClock([0, 3]).seconds == 0


def test_peak_memory_sees_what_is_gone_again():
    peak = PeakMemory(torch.device("cpu"))
    before = peak.growth()
    block = np.ones(2**23)  # 64 MiB
    del block
    assert 55 < peak.growth() - before < 100


def test_rows_can_be_built_from_their_names():
    assert Cost("size", 1, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0).axis == "size"
    assert set(benchmark_texture._COLUMNS) <= set(benchmark_texture.Row.__dataclass_fields__)


def test_unreadable_arrays_are_named(tmp_path):
    np.savez(
        tmp_path / "flat.npz",
        vertices=np.zeros(3),
        texture=np.zeros((4, 4, 3)),
        seen=np.zeros((4, 4)),
        art=np.zeros((4, 4, 3)),
        art_points=np.zeros((68, 2)),
    )
    with pytest.raises(InputFileError, match=r"flat\.npz: array vertices has shape \(3,\)"):
        read_arrays(tmp_path / "flat.npz")


def test_networks_prints_a_table_with_every_network(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    sets = ["-S", "landmark_sets.art_count=640", "-S", "translation.batch_size=64", "-S", "translation.epochs=10"]
    output = run("networks", "--steps", "2", "--project", str(tmp_path), *sets)
    rows = {line[:28].strip(): line[28:].split() for line in output.splitlines()[1:]}
    assert {"stage one", "stage two", "cyclegan", "munit", "drit", "one translation of one pair"} == set(rows)
    fields = next(line.split() for line in output.splitlines() if line.startswith("stage two") and " 64 " in line)
    # 576 faces are trained on: 9 steps of 64 an epoch, 10 epochs
    assert float(fields[5]) == pytest.approx(float(fields[4]) * 90 / 1000, abs=0.51)
