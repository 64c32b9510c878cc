"""What every stage script shares: where artifacts lie, one-line errors, run time records.

Run times and memory are not reproducible, so they stay out of the artifacts (whose hashes must agree between
runs): each stage leaves them in ``.portrait/runtime/``, and the ``report`` stage collects them into metrics.
"""

from __future__ import annotations

import errno
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .artifacts import read_json, write_json
from .errors import ArtifactError, PortraitError
from .memory import is_about_memory, out_of_memory

_LOWER = {
    "landmarks": "landmarks.max_side",
    "photo_texture": "photo_texture.size",
    "shell": "shell.size",
    "texture": "texture.scales, texture.views or texture.points",
    "animation": "photo_texture.size",
    "export": "photo_texture.size, shell.size or export.turntable_size",
}
"""What saves most memory in a stage."""


@dataclass(frozen=True)
class Layout:
    """Files of a project.

    Attributes:
        root: the folder that holds params.yaml.
    """

    root: Path = Path(".")

    def artifact(self, stage: str, name: str) -> Path:
        """Output ``name`` (with suffix) of a stage."""
        return self.root / "data" / "artifacts" / stage / name

    def pair_artifact(self, stage: str, pair: str) -> Path:
        """HDF5 output of a stage that runs once a pair."""
        return self.artifact(stage, f"{pair}.h5")

    def result(self, pair: str) -> Path:
        """Folder of the files that a person opens."""
        return self.root / "data" / "results" / pair

    def metric(self, name: str) -> Path:
        """A metrics file."""
        return self.root / "metrics" / name

    def runtime(self, stage: str, pair: str | None) -> Path:
        """Where one run's seconds and memory are kept; not tracked by DVC or git."""
        return self.root / ".portrait" / "runtime" / stage / f"{pair or 'all'}.json"

    def resume(self, stage: str) -> Path:
        """State of an interrupted training; outside the stage's outputs, which DVC deletes before a run."""
        return self.root / ".portrait" / "resume" / f"{stage}.safetensors"

    def read_runtime(self, stage: str, pair: str | None) -> dict[str, float]:
        """What :func:`run_stage` recorded, or an empty dict if the stage's outputs came from a cache."""
        try:
            return read_json(self.runtime(stage, pair))
        except ArtifactError:
            return {}


def run_stage(name: str, main: Callable[[Layout], None]) -> None:
    """Run a stage that treats all pairs at once; exit with status 1 and one line on a user error."""
    if len(sys.argv) != 1:
        _fail(name, f"takes no arguments, got {' '.join(sys.argv[1:])}")
    _run(name, None, main)


def run_pair_stage(name: str, main: Callable[[Layout, str], None]) -> None:
    """Run a stage for the pair named on the command line; errors as :func:`run_stage`."""
    if len(sys.argv) != 2:
        _fail(name, f"usage: python stages/{name}.py PAIR")
    pair = sys.argv[1]
    _run(name, pair, lambda layout: main(layout, pair))


def run_model_stage(name: str, main: Callable[[Layout, str], None], models: Sequence[str]) -> None:
    """Run a stage for the model named on the command line, one of ``models``; errors as :func:`run_stage`."""
    if len(sys.argv) != 2 or sys.argv[1] not in models:
        _fail(name, f"usage: python stages/{name}.py MODEL, which is one of {', '.join(models)}")
    model = sys.argv[1]
    _run(name, model, lambda layout: main(layout, model))


def _run(name: str, pair: str | None, main: Callable[[Layout], None]) -> None:
    layout = Layout()
    start = time.perf_counter()
    try:
        main(layout)
        usage = {
            "seconds": round(time.perf_counter() - start, 2),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        write_json(layout.runtime(name, pair), usage)
    except PortraitError as error:
        _fail(name, str(error))
    except KeyboardInterrupt:
        print(f"{name}: interrupted; the same command continues or starts over", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _fail(name, f"{error.filename or 'output'}: no space left on the device: free some space and run again")
    except Exception as error:
        if not is_about_memory(error):
            raise
        print(out_of_memory(name, _LOWER.get(name, "the sizes of its section in params.yaml")), file=sys.stderr)
        sys.exit(1)


def _fail(name: str, message: str) -> None:
    print(f"{name}: {message}", file=sys.stderr)
    sys.exit(1)
