"""A short run of the fuzzer over every reader: nothing but one-line refusals and sound values comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FILES = 10


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer limits memory as Linux does it")
def test_damaged_files_are_refused_in_one_line(tmp_path: Path) -> None:
    fuzz = Path(__file__).with_name("fuzz.py")
    command = [sys.executable, str(fuzz), "--work", str(tmp_path / "at"), "0", str(FILES)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = [line.split() for line in done.stdout.splitlines() if line.startswith("# ")]
    assert [line for line in done.stdout.splitlines() if not line.startswith("# ")] == []
    assert len(counts) > 20 and all(int(refused) + int(read) == FILES for _, _, refused, read in counts)
    assert sum(int(refused) for _, _, refused, _ in counts) > 0.6 * FILES * len(counts)
