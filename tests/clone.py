"""A clone of the working tree with its own git and DVC repository, and commands in it as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from house import ROOT


def call(*command: str, cwd: Path, **changes: str) -> str:
    """Run a command with the folder's own package and this interpreter's scripts; return all that it prints.

    ``changes`` are further variables of its environment.
    """
    environment = os.environ | {
        "PYTHONPATH": str(cwd),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "DVC_NO_ANALYTICS": "1",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "test", f"GIT_{role}_EMAIL": "test@example.org"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment | changes,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def clone(folder: Path) -> None:
    """Copy the working tree, without what runs have made, and give it a git repository with nothing committed yet."""
    listed = call("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    for name in listed:
        made = name == "dvc.lock" or (name.startswith("metrics/") and name.endswith(".json"))
        if not made and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    call("git", "init", "-q", cwd=folder)


def commit(folder: Path) -> None:
    call("git", "add", "-A", cwd=folder)
    call("git", "commit", "-q", "-m", "test", cwd=folder)


def changed(folder: Path, *targets: str) -> set[str]:
    """Stages of the product that `dvc repro` would run again, besides `inputs`, which always runs."""
    output = call("dvc", "status", "--json", *(targets or ["dvc.yaml"]), cwd=folder)
    return set(json.loads(output.splitlines()[-1])) - {"inputs"}


def stages_run(output: str) -> set[str]:
    """Stages that a `dvc repro` ran by its output, besides `inputs`, which always runs."""
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")} - {"inputs"}
