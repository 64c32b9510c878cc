"""Kill -9 through `dvc repro`: what killed runs leave is finished by the next run, to the same bits, with nothing over.

``python tests/survive.py 40 FOLDER`` kills a tiny pipeline in a clone below FOLDER 40 times at random moments, DVC and
its stage at once, and each time starts `dvc repro` again. A run that comes to its end is compared with an undisturbed
one of the same clone: artifacts and results by their bytes, metrics by all but times, and what else lies in the
folder by its name; then all is removed, and the kills go on. Names of stages after FOLDER: these alone.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from clone import call, clone, commit
from test_pipeline import TINY, contents, set_params

SHARE = 0.2  # of an undisturbed run: the longest time between a start and its kill
MADE = ("data/artifacts", "data/results", "metrics/*.json", ".dvc/cache", ".portrait", "dvc.lock")
TIMES = ("seconds", "total_seconds", "peak_memory_mb")
OWN = (".git/", ".dvc/tmp/", ".dvc/cache/runs/", "__pycache__/")  # where git, DVC and Python keep more with every run
KEPT = re.compile(r"\.dvc/cache/(files/md5/)?../[0-9a-f]{30}(\.dir)?$")  # metrics, which hold times; lists of folders


def prepare(folder: Path) -> None:
    folder.mkdir(parents=True)
    clone(folder)
    set_params(folder / "params.yaml", TINY)
    commit(folder)


def remove_made(folder: Path) -> None:
    for path in [path for pattern in MADE for path in folder.glob(pattern)]:
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


def repro(folder: Path, targets: list[str], seconds: float | None, log: Path) -> int | None:
    """Run `dvc repro`; after so many seconds kill it with all that it started. The status, None if it was killed."""
    with log.open("w") as file:
        process = subprocess.Popen(
            ["dvc", "repro", *targets],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder), "DVC_NO_ANALYTICS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None


def state(folder: Path) -> dict[str, bytes]:
    """What a run came to: contents of what it made, names of everything."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    found = {KEPT.sub("cache", name): b"" for name in names if not any(own in name for own in OWN)}
    metrics = {f"metrics/{path.name}": untimed(path) for path in folder.glob("metrics/*.json")}
    return found | contents(folder) | metrics


def untimed(path: Path) -> bytes:
    """A metric without what differs from run to run."""
    rest = json.loads(path.read_text(), object_hook=lambda part: {key: part[key] for key in part if key not in TIMES})
    return json.dumps(rest).encode()


def differences(folder: Path, wanted: dict[str, bytes]) -> list[str]:
    found = state(folder)
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def main(kills: int, base: Path, targets: list[str]) -> int:
    """Number of runs that did not come out as the undisturbed one."""
    folder, log, moments = base / "project", base / "log.txt", random.Random(0)
    prepare(folder)
    begin = time.monotonic()
    assert repro(folder, targets, None, log) == 0, log.read_text()
    longest = SHARE * (time.monotonic() - begin)
    wanted, ended, wrong, landed = state(folder), 0, 0, Counter()
    remove_made(folder)
    while True:
        done = landed.total()
        status = repro(folder, targets, moments.uniform(0, longest) if done < kills else None, log)
        if status is None:
            stages = [line.split("'")[1] for line in log.read_text().splitlines() if line.startswith("Running stage")]
            landed[stages[-1] if stages else "DVC, before a stage"] += 1
            print(f"kill {done + 1}: in {stages[-1] if stages else 'DVC, before a stage'}", flush=True)
            continue
        ended += 1
        differ = differences(folder, wanted)
        left = call("dvc", "status", *targets, cwd=folder) if not status else log.read_text()
        bad = status or differ or set(re.findall(r"^(\S+):$", left, re.MULTILINE)) - {"inputs"}
        wrong += bool(bad)
        print(f"end {ended} after {done} kills: {'not the same: ' + str(bad) if bad else 'the same files'}", flush=True)
        if bad or done >= kills:
            print(f"{done} kills, {ended} runs to the end, {wrong} wrong; kills in {dict(landed.most_common())}")
            return wrong
        remove_made(folder)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or ["dvc.yaml"]))
