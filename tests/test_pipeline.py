"""The pipeline as a user runs it: one `dvc repro` of a tiny configuration in a temporary clone, which all tests share.

Only what DVC decides is asked of DVC. What a stage script does is tested by running it inside this process, where
libraries are loaded already.
"""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from clone import call, changed, clone, commit, stages_run
from house import ROOT, STAGES
from ruamel.yaml import YAML

from portrait_pipeline.commands.portrait import main

TINY = {
    "landmark_sets": {"normal_count": 300, "art_count": 400},
    "autoencoder": {"epochs": 2, "batch_size": 64},
    "translation": {"epochs": 2, "batch_size": 64},
    "fid": {"samples": 64},
    "photo_texture": {"size": 64},
    "shell": {"size": 128},
    "texture": {"scales": [32], "iterations": [3], "views": 2, "surround": 1, "points": 64},
    "picture": {"size": 64},
    "export": {"turntable_frames": 2, "turntable_size": 64},
}
TINY_LAB = {
    "figures": {"contents": 1, "exemplars": ["sample:ink_caricature", "sample:stained_glass"], "steps": 2},
    "fit_proof": {"heads": 4, "compared": 2},
}
RIVALS = ("ours", "ours_without_class_loss", "cyclegan", "munit", "drit")
PORTRAIT = (sys.executable, "-c", "from portrait_pipeline.commands.portrait import main; main()")
RESULTS = {
    "head.glb",
    "head.obj",
    "head.mtl",
    "texture.png",
    "contact_sheet.png",
    "turntable.gif",
    "viewer.html",
    "rig.h5",
}

Run = Callable[..., str]


def set_params(path: Path, values: dict[str, dict]) -> None:
    yaml = YAML()
    params = yaml.load(path.read_text(encoding="utf-8"))
    for section, changes in values.items():
        params[section].update(changes)
    if "pairs" in params:
        del params["pairs"]["hopper"]
    yaml.dump(params, path)


def contents(folder: Path) -> dict[str, bytes]:
    """Every artifact and result by its path; overlays and tables too."""
    data = folder / "data"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in ("artifacts", "results")
        for path in sorted((data / part).rglob("*"))
        if path.is_file() and path.name != ".gitignore"
    }


def threads(count: int) -> dict[str, str]:
    """The environment of a process that computes with so many threads."""
    number = {f"{library}_NUM_THREADS": str(count) for library in ("OMP", "OPENBLAS", "MKL")}
    number["OMP_WAIT_POLICY"] = "passive"  # two test processes share the cores already
    return number | {"OPENBLAS_CORETYPE": "Haswell"}  # its kernels cut sums by the number of threads; others may not


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the working tree, tiny, after its first `dvc repro`, committed. Tests leave it as they find it."""
    folder = tmp_path_factory.mktemp("clone")
    clone(folder)
    set_params(folder / "params.yaml", TINY)
    set_params(folder / "stages" / "lab" / "params.yaml", TINY_LAB)
    commit(folder)
    call("dvc", "repro", "dvc.yaml", cwd=folder, **threads(2))
    commit(folder)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a stage script inside this process: ``run(folder, "fit", "astronaut", status=0)`` -> what it prints."""

    def run_script(folder: Path, stage: str, *arguments: str, status: int = 0) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", [f"stages/{stage}.py", *arguments])
        capsys.readouterr()
        try:
            runpy.run_path(str(folder / "stages" / f"{stage}.py"), run_name="__main__")
        except SystemExit as end:
            assert end.code == status
        else:
            assert status == 0
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run_script


def test_repro_writes_everything_the_contract_names(project: Path) -> None:
    results = project / "data" / "results" / "astronaut"
    assert {path.name for path in results.iterdir()} >= RESULTS | {"picture.png"}
    assert all(path.stat().st_size > 100 for path in results.iterdir())
    fid = json.loads((project / "metrics" / "fid.json").read_text())
    assert {"ours", "ours_delivered", "real_floor", "untranslated", "samples"} <= set(fid)
    assert all(value > 0 for value in fid.values()) and fid["samples"] == 64
    pair = json.loads((project / "metrics" / "pairs.json").read_text())["astronaut"]
    assert set(pair) == {"landmarks", "fit", "deform", "identity", "texture", "shell", "seconds"}
    assert pair["shell"]["watertight"] == 1 and pair["shell"]["gap_rays"] < 1e-3
    assert pair["deform"]["residual"] < 0.01
    assert pair["seconds"]["texture"] > 0
    assert json.loads((project / "metrics" / "runtime.json").read_text())


def test_nothing_is_left_to_do_after_a_run(project: Path) -> None:
    assert changed(project) == set()


def test_metrics_and_plots_are_shown(project: Path, tmp_path: Path) -> None:
    assert "metrics/fid.json" in call("dvc", "metrics", "show", cwd=project)
    call("dvc", "plots", "show", "-o", str(tmp_path), cwd=project)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Stage two (eqs. 2-6)" in page and "modes.png" in page


def test_a_changed_step_reruns_its_stage_and_a_changed_benchmark_nothing(project: Path) -> None:
    package = project / "portrait_pipeline"
    for aside in ("lab/__init__.py", "making/__init__.py", "commands/portrait.py"):
        (package / aside).write_text((package / aside).read_text() + "# changed\n")
    assert changed(project) == set()
    step = package / "deform" / "step.py"
    step.write_text(step.read_text() + "# changed\n")
    assert changed(project) == {"deform@astronaut"}
    call("git", "checkout", "-q", ".", cwd=project)


def test_an_added_pair_changes_no_stage_of_the_others(project: Path, astronaut_path: Path, tmp_path: Path) -> None:
    photo = tmp_path / f"me{astronaut_path.suffix}"
    shutil.copyfile(astronaut_path, photo)
    call(*PORTRAIT, "add-pair", "me", str(photo), "sample:oil_strokes", cwd=project)
    assert (project / "data" / "photos" / photo.name).is_file()
    assert "# name of the pair" in (project / "params.yaml").read_text()
    assert {stage for stage in changed(project) if not stage.endswith("@me")} == {"report"}
    call("git", "checkout", "-q", ".", cwd=project)
    call("git", "clean", "-fdq", "data/photos", cwd=project)


def test_experiment_on_the_texture_reruns_the_texture_and_what_follows(project: Path) -> None:
    output = call("dvc", "exp", "run", "report", "-S", "texture.beta=0.5", cwd=project)
    assert stages_run(output) == {"texture@astronaut", "animation@astronaut", "report"}
    assert changed(project) == {"picture@astronaut", "export@astronaut"}
    assert "style_loss" in call("dvc", "metrics", "diff", cwd=project)
    call("git", "checkout", "-q", ".", cwd=project)
    call("dvc", "checkout", "dvc.yaml", cwd=project)


AGAIN = """
import contextlib, io, json, runpy, sys
from pathlib import Path
from portrait_pipeline.base import progress

def run(stage):
    sys.argv = [f"stages/{stage}.py", *arguments[stage]]
    try:
        runpy.run_path(f"stages/{stage}.py", run_name="__main__")
    except SystemExit as end:
        return end.code

@contextlib.contextmanager
def stopping(title):
    def report(step, total, losses):
        if step == 2:
            raise KeyboardInterrupt
    yield report

arguments, said = json.loads(sys.argv[1]), {}
for stage in arguments:
    if stage in ("autoencoder", "texture"):
        usual, progress.progress_bar = progress.progress_bar, stopping
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            status = run(stage)
        progress.progress_bar = usual
        left = [path.name for path in Path("data/artifacts").glob(f"{stage}/*")]
        said[stage] = [status, printed.getvalue(), left]
    assert not run(stage)
print(json.dumps(said))
"""


def test_another_run_from_scratch_gives_the_same_files(project: Path, tmp_path: Path) -> None:
    """Every stage without DVC, in one process, with one thread in place of two.

    Two of the stages are stopped at their second step first: they say so in one line and leave nothing half done.
    """
    shutil.copytree(project / "stages", tmp_path / "stages")
    shutil.copyfile(project / "params.yaml", tmp_path / "params.yaml")
    (tmp_path / "data" / "landmarks").mkdir(parents=True)
    pipeline = YAML(typ="safe", pure=True).load((project / "dvc.yaml").read_text())["stages"]
    arguments = {stage: ["astronaut"] if "foreach" in pipeline[stage] else [] for stage in STAGES}
    del arguments["report"]  # its numbers are times, too
    command = sys.executable, "-c", AGAIN, json.dumps(arguments)
    output = call(*command, cwd=tmp_path, PYTHONPATH=str(ROOT), **threads(1))
    for status, printed, left in json.loads(output.splitlines()[-1]).values():
        assert status == 130 and "interrupted" in printed and len(printed.splitlines()) == 1 and left == []
    first, second = contents(project), contents(tmp_path)
    assert set(first) == set(second) and not [name for name in first if first[name] != second[name]]
    metrics = [(folder / "metrics" / "fid.json").read_text() for folder in (project, tmp_path)]
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize(
    ("stage", "arguments", "words"),
    [
        ("fit", ["nobody"], ["data/artifacts/landmarks/nobody.h5", "dvc repro"]),
        ("landmarks", ["nobody"], ["pair 'nobody'", "astronaut"]),
        ("landmarks", [], ["usage"]),
        ("fid", ["astronaut"], ["no arguments"]),
        ("lab/comparison", ["stylegan"], ["usage", "munit"]),
    ],
)
def test_stage_errors_are_one_line(project: Path, run: Run, stage: str, arguments: list[str], words: list[str]) -> None:
    printed = run(project, stage, *arguments, status=1)
    assert len(printed.splitlines()) == 1, printed
    assert all(word in printed for word in words), printed


def test_stylize_works_outside_a_project_and_says_which_networks(tmp_path: Path) -> None:
    tiny = "landmarks.max_side=300", "photo_texture.size=64", "shell.density=0.6", "shell.size=128"
    tiny += (
        "texture.scales=[32]",
        "texture.iterations=[1]",
        "texture.views=2",
        "texture.surround=1",
        "texture.points=64",
    )
    tiny += "export.turntable_frames=2", "export.turntable_size=64"
    command = *PORTRAIT, "stylize", "sample:hopper", "sample:oil_strokes", "-o", "out"
    options = [part for setting in tiny for part in ("-S", setting)]
    output = call(*command, *options, cwd=tmp_path, PYTHONPATH=str(ROOT))
    assert "networks bundled with the package" in output
    shell = {"portrait.glb", "portrait.obj", "portrait.mtl", "shell.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == RESULTS | shell
    head = tmp_path / "out" / "head.glb"
    posed = CliRunner().invoke(main, ["pose", str(head), "-e", "smile=1", "-o", str(tmp_path / "smile.glb")])
    assert posed.exit_code == 0, posed.output


def test_the_laboratory_runs_with_an_override(project: Path) -> None:
    """As its README says; the product is not made again."""
    override = "stages/lab/params.yaml:fit_proof.heads=5"
    output = call("dvc", "exp", "run", "stages/lab/dvc.yaml:fit_proof", "-S", override, cwd=project)
    assert stages_run(output) == {"stages/lab/dvc.yaml:fit_proof"}
    assert json.loads((project / "metrics" / "fit.json").read_text())["fit"]["heads"] == 5
    assert (project / "data" / "artifacts" / "fit_proof" / "errors.png").is_file()
    call("git", "checkout", "-q", ".", cwd=project)


def test_table_1_names_every_method(project: Path, run: Run) -> None:
    for method in RIVALS:
        run(project, "lab/comparison", method)
    for stage in ("table1", "figures"):
        run(project, f"lab/{stage}")
    table = json.loads((project / "metrics" / "table1.json").read_text())
    assert {*RIVALS, "real_floor", "samples", "ours_delivered"} <= set(table)
    translation = json.loads((project / "metrics" / "translation.json").read_text())
    measured = {"class_agreement", "content_distance", "diversity", "sensitivity", "reconstruction"}
    assert all(table[name] > 0 and measured <= set(translation[name]) for name in RIVALS)
    shown = YAML(typ="safe", pure=True).load((project / "stages" / "lab" / "dvc.yaml").read_text())["plots"]
    pictures = {plot.removeprefix("../../") for plot in shown if isinstance(plot, str) and "/figures/" in plot}
    assert pictures and all((project / name).is_file() for name in pictures)
