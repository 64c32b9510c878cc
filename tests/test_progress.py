"""Progress goes to stderr with the losses: lines in a log, a bar on a terminal, nothing by default."""

import os
import pty
import subprocess
import sys

from portrait_pipeline.base import progress

SCRIPT = """
from portrait_pipeline.base.progress import progress_bar
with progress_bar("texture") as report:
    for step in range(1, 4):
        report(step, 3, {"style": 0.123456, "content": 2.0 / step})
"""


def test_a_log_gets_the_last_step_with_the_losses():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == "texture: 3/3 style=0.1235 content=0.6667\n"


def test_a_log_gets_a_line_every_few_seconds(monkeypatch, capsys):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress_bar("fit") as report:
        for step in range(1, 30):
            report(step, 100, {"loss": float(step)})
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) < 29 and all(line.startswith("fit: ") and "/100 loss=" in line for line in lines)


def test_a_terminal_gets_a_bar():
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stderr=theirs, stdout=subprocess.PIPE, env=environment, check=True
    )
    os.close(theirs)
    shown = os.read(ours, 1_000_000).decode()
    os.close(ours)
    assert done.stdout == b""
    assert "texture" in shown and "3/3" in shown and "content=0.6667" in shown


def test_errors_pass_through_the_bar():
    try:
        with progress.progress_bar("fit"):
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("the error was swallowed")


def test_silence_is_the_default(capsys):
    progress.silent(1, 2, {"loss": 1.0})
    assert capsys.readouterr() == ("", "")
