"""The pipeline as a user runs it: `dvc repro` of a tiny configuration in a temporary clone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from portrait_pipeline.pipeline.params import Params, load_params

ROOT = Path(__file__).resolve().parent.parent

TINY = {
    "landmark_sets": {"normal_count": 300, "art_count": 400},
    "autoencoder": {"epochs": 2, "batch_size": 64},
    "translation": {"epochs": 2, "batch_size": 64},
    "fid": {"samples": 64},
    "figures": {"contents": 1, "exemplars": ["sample:ink_caricature", "sample:stained_glass"], "steps": 2},
    "fit_proof": {"heads": 4, "compared": 2},
    "photo_texture": {"size": 64},
    "photo_texture_proof": {"heads": 1, "yaws": [20.0], "size": 128, "photo_size": 128},
    "texture": {"scales": [32], "iterations": [3]},
    "texture_comparison": {"scales": [32], "iterations": [2], "size": 64, "view_size": 64},
    "export": {"turntable_frames": 3, "turntable_size": 64},
}


def environment(folder: Path) -> dict[str, str]:
    """The folder's own package and this interpreter's scripts first; neutral git identity; quiet, plain output."""
    return os.environ | {
        "PYTHONPATH": str(folder if (folder / "portrait_pipeline").is_dir() else ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_AUTHOR_NAME": "test",
        "GIT_AUTHOR_EMAIL": "test@example.org",
        "GIT_COMMITTER_NAME": "test",
        "GIT_COMMITTER_EMAIL": "test@example.org",
        "DVC_NO_ANALYTICS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


def call(*command: str, cwd: Path, status: int = 0) -> str:
    """Run a command; return stdout and stderr together; fail on another exit status."""
    done = subprocess.run(
        command, cwd=cwd, env=environment(cwd), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600
    )
    assert done.returncode == status, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def copy_tree(origin: Path, folder: Path) -> None:
    """A git clone's content: tracked and new files, without what a run leaves."""
    files = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=origin, text=True, capture_output=True, check=True
    ).stdout.splitlines()
    for name in files:
        source, target = origin / name, folder / name
        if name == "dvc.lock" or (name.startswith("metrics/") and name.endswith(".json")) or not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def make_clone(folder: Path) -> Path:
    """A copy of the working tree with a tiny params.yaml, committed."""
    copy_tree(ROOT, folder)
    yaml = YAML()
    params = yaml.load((folder / "params.yaml").read_text())
    del params["pairs"]["hopper"]
    for section, values in TINY.items():
        params[section].update(values)
    yaml.dump(params, folder / "params.yaml")
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    call("git", "init", "-q", cwd=folder)
    call("git", "add", "-A", cwd=folder)
    call("git", "commit", "-q", "-m", "test", cwd=folder)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone after its first `dvc repro`. Tests share it, in the order of this file."""
    folder = make_clone(tmp_path_factory.mktemp("clone"))
    call("dvc", "repro", cwd=folder)
    commit(folder)
    return folder


def test_repro_writes_everything_the_contract_names(project: Path) -> None:
    results = project / "data" / "results" / "astronaut"
    names = {"head.glb", "head.obj", "head.mtl", "texture.png", "contact_sheet.png", "turntable.gif", "viewer.html"}
    assert {path.name for path in results.iterdir()} == names
    assert all(path.stat().st_size > 100 for path in results.iterdir())
    fid = json.loads((project / "metrics" / "fid.json").read_text())
    models = {"ours", "ours_without_class_loss", "cyclegan", "munit", "drit"}
    assert models | {"real_floor", "samples", "ours_delivered", "spread", "seeds"} <= set(fid)
    assert all(fid[name] > 0 for name in models) and fid["samples"] == 64 and fid["seeds"] == 1
    translation = json.loads((project / "metrics" / "translation.json").read_text())
    measured = {"class_agreement", "content_distance", "diversity", "sensitivity", "reconstruction"}
    assert all(measured <= set(translation[name]) for name in models)
    counts = json.loads((project / "metrics" / "landmark_sets.json").read_text())
    assert json.dumps(counts).count("400") >= 1
    pair = json.loads((project / "metrics" / "pairs.json").read_text())["astronaut"]
    assert set(pair) == {"fit", "deform", "identity", "texture", "seconds"}
    assert pair["deform"]["residual"] < 0.01
    assert pair["seconds"]["texture"] > 0


def test_second_repro_does_nothing(project: Path) -> None:
    assert "up to date" in call("dvc", "repro", cwd=project)


def test_metrics_and_plots_commands(project: Path) -> None:
    assert "metrics/fid.json" in call("dvc", "metrics", "show", cwd=project)
    call("dvc", "metrics", "diff", cwd=project)
    call("dvc", "plots", "show", "-o", "plots_html", cwd=project)
    assert (project / "plots_html" / "index.html").stat().st_size > 1000
    shutil.rmtree(project / "plots_html")


def test_experiment_on_the_texture_reruns_the_texture_and_what_follows(project: Path) -> None:
    output = call("dvc", "exp", "run", "-S", "texture.beta=0.5", cwd=project)
    ran = {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}
    assert ran == {"texture@astronaut", "animation@astronaut", "export@astronaut", "report"}
    assert "fid.json" in call("dvc", "metrics", "diff", "--all", cwd=project)
    call("git", "checkout", "-q", ".", cwd=project)
    call("dvc", "checkout", cwd=project)


def test_two_runs_from_scratch_give_the_same_artifacts(project: Path, tmp_path: Path) -> None:
    second = tmp_path / "again"
    copy_tree(project, second)
    commit(second)
    call("dvc", "repro", cwd=second)
    assert artifact_hashes(second) == artifact_hashes(project)


TIMED = ("pairs.json", "runtime.json", "texture_methods.json", "texture_comparison/sheet.png")


def artifact_hashes(folder: Path) -> dict[str, str]:
    """Path to hash of every stage output in dvc.lock, without those that hold run times."""
    lock = YAML(typ="safe", pure=True).load((folder / "dvc.lock").read_text())
    outs = (out for stage in lock["stages"].values() for out in stage.get("outs", []))
    return {out["path"]: out["md5"] for out in outs if not out["path"].endswith(TIMED)}


def test_stage_killed_halfway_gives_the_same_result_when_run_again(project: Path) -> None:
    lock = artifact_hashes(project)
    (project / "data" / "artifacts" / "texture" / "astronaut.h5").unlink()
    command = [sys.executable, "stages/texture.py", "astronaut"]
    process = subprocess.Popen(command, cwd=project, env=environment(project), stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)
    folder = project / "data" / "artifacts" / "texture"
    assert not [path for path in folder.iterdir() if path.name.startswith(".") and path.name != ".gitignore"]
    call("dvc", "repro", cwd=project)
    assert artifact_hashes(project) == lock


def test_stylize_runs_one_pair_with_the_trained_networks(project: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    call(
        "portrait",
        "stylize",
        "sample:hopper",
        "sample:oil_strokes",
        "-o",
        str(output),
        "-S",
        "texture.strength=0.5",
        cwd=project,
    )
    assert (output / "head.glb").stat().st_size > 10_000


def test_stylize_without_trained_networks_says_how_to_train(tmp_path: Path) -> None:
    output = call("portrait", "stylize", "sample:hopper", "sample:oil_strokes", "-o", "out", cwd=tmp_path, status=1)
    assert "dvc repro translation" in output and len(output.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("stage", "arguments", "words"),
    [
        ("fit", ["nobody"], ["data/artifacts/landmarks/nobody.h5", "dvc repro"]),
        ("landmarks", ["nobody"], ["pair 'nobody'", "astronaut"]),
        ("landmarks", [], ["usage"]),
        ("fid", ["astronaut"], ["no arguments"]),
        ("comparison", ["stylegan"], ["usage", "munit"]),
    ],
)
def test_stage_errors_are_one_line(project: Path, stage: str, arguments: list[str], words: list[str]) -> None:
    output = call(sys.executable, f"stages/{stage}.py", *arguments, cwd=project, status=1)
    assert len(output.splitlines()) == 1, output
    assert all(word in output for word in words), output


def test_add_pair_runs_only_the_new_pair(project: Path, tmp_path: Path) -> None:
    from skimage import data, io

    photo = tmp_path / "me.png"
    io.imsave(photo, data.astronaut())
    call("portrait", "add-pair", "me", str(photo), "sample:oil_strokes", cwd=project)
    assert (project / "data" / "photos" / "me.png").is_file()
    assert "# name of the pair" in (project / "params.yaml").read_text()
    output = call("dvc", "repro", cwd=project)
    ran = {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}
    assert "texture@me" in ran and "texture@astronaut" not in ran
    assert (project / "data" / "results" / "me" / "head.glb").is_file()


def test_committed_params_are_the_documented_defaults() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params == Params(pairs=params.pairs)
    written = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())
    assert set(written) == set(Params.model_fields)
    for name, section in written.items():
        if name != "pairs":
            assert set(section) == set(type(getattr(params, name)).model_fields), name
