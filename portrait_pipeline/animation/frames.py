"""A rig in motion: a table of coefficients over time as an animation inside its GLB (section 7.1)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.errors import InputFileError, ParameterError
from ..mesh import gltf
from .aliases import known_names, nearest
from .pose import EYES, eye_turn, quaternion

TIME, TURN = "time", ("yaw", "pitch", "roll")
MAX_FRAMES = 20_000
MAX_DEGREES = 180.0


@dataclass(frozen=True)
class Frames:
    """Poses over time.

    Attributes:
        times: (T,) seconds from 0 on, increasing.
        expression: (T, E) coefficients. turns: (T, 3) yaw, pitch and roll in degrees, see :class:`.pose.Pose`.
    """

    times: np.ndarray
    expression: np.ndarray
    turns: np.ndarray


def read_frames(path: str | Path, names: Sequence[str], start: np.ndarray) -> Frames:
    """Read a CSV table with the columns ``time`` (seconds), names of expressions, and ``yaw``, ``pitch``, ``roll``.

    Args:
        path: header line first; names as on the command line. Columns that are not there: expressions stay at
            ``start``, angles at 0.
        names: (E,) of the head. start: (E,) coefficients.

    Raises:
        InputFileError: a missing or damaged file, or a number out of range; the line is told.
        ParameterError: an unknown column.
    """
    path = Path(path)
    header, rows = _read_rows(path)
    known = known_names(names)
    index = {name: place for place, name in enumerate(names)}
    for name in header:
        if name not in known and name not in (TIME, *TURN):
            raise ParameterError(f"{path}: no expression is called '{name[:60]}'; {nearest(name, known)}")
    if TIME not in header or len(set(header)) != len(header):
        raise InputFileError(f"{path}: needs one column '{TIME}' and no column twice, has {', '.join(header)[:200]}")
    expression, turns = np.tile(np.asarray(start, float), (len(rows), 1)), np.zeros((len(rows), 3))
    for column, name in enumerate(header):
        if name in TURN:
            turns[:, TURN.index(name)] = _checked(path, name, rows[:, column], -MAX_DEGREES, MAX_DEGREES)
        elif name != TIME:
            values = _checked(path, name, rows[:, column], 0.0, 1.0)
            expression[:, [index[part] for part in known[name]]] = values[:, None]
    times = _checked(path, TIME, rows[:, header.index(TIME)], 0.0, 1e6)
    if (np.diff(np.float32(times)) <= 0).any():
        line = int(np.flatnonzero(np.diff(np.float32(times)) <= 0)[0]) + 3
        raise InputFileError(f"{path}: line {line}: the time must increase from line to line")
    return Frames(times, expression, turns)


def _read_rows(path: Path) -> tuple[list[str], np.ndarray]:
    """Column names, and the numbers (T, C)."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = _lines(path, csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path}: cannot be read as a CSV table ({error})") from error
    except ValueError:
        raise InputFileError(f"{path}: is empty; the first line must name the columns") from None
    if not lines:
        raise InputFileError(f"{path}: has no frame; a line of numbers must follow the header")
    rows = np.full((len(lines), len(header)), np.nan)
    for number, line in enumerate(lines):
        if len(line) != len(header):
            raise InputFileError(f"{path}: line {number + 2} has {len(line)} values for {len(header)} columns")
        for column, text in enumerate(line):
            try:
                rows[number, column] = float(text)
            except ValueError:
                raise InputFileError(f"{path}: line {number + 2}: '{text[:40]}' is not a number") from None
    return [name.strip() for name in header], rows


def _lines(path: Path, reader: csv.reader) -> list[list[str]]:
    lines = []
    for line in reader:
        if line:
            lines.append(line)
        if len(lines) > MAX_FRAMES + 1:
            raise InputFileError(f"{path}: more than {MAX_FRAMES} frames; cut it into several files")
    return lines


def _checked(path: Path, name: str, values: np.ndarray, low: float, high: float) -> np.ndarray:
    bad = np.flatnonzero(~((values >= low) & (values <= high)))  # catches NaN as well
    if len(bad):
        raise InputFileError(
            f"{path}: line {bad[0] + 2}: {name} is {values[bad[0]]:g}; it must be from {low:g} to {high:g}"
        )
    return values


def add_animation(document: dict, binary: bytes, names: Sequence[str], frames: Frames) -> tuple[dict, bytes]:
    """A rig's GLB with an animation of its weights, its head's and its eyes' rotations, interpolated linearly.

    Args:
        document, binary: as :func:`.glb.rig_glb` builds them, without animation.
    """
    writer = gltf.BufferWriter()
    writer.data, writer.views = bytearray(binary), list(document["bufferViews"])
    writer.accessors = list(document["accessors"])
    node = {item["name"]: index for index, item in enumerate(document["nodes"])}
    time = writer.add_floats(frames.times, bounds=True, target=None)
    channels, samplers = [], []

    def add(name: str, path: str, values: np.ndarray) -> None:
        samplers.append({"input": time, "output": writer.add_floats(values, target=None)})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node[name], "path": path}})

    add("Head", "weights", frames.expression.ravel())
    add("Portrait", "rotation", _steady([quaternion(*turn) for turn in frames.turns]))
    for eye in [name for name in EYES if name in node]:
        add(eye, "rotation", _steady([quaternion(*eye_turn(eye, names, row)) for row in frames.expression]))
    animation = {"name": "Frames", "channels": channels, "samplers": samplers}
    return document | {
        "accessors": writer.accessors,
        "bufferViews": writer.views,
        "buffers": [{"byteLength": len(writer.data)}],
        "animations": [animation],
    }, bytes(writer.data)


def _steady(rotations: Sequence[np.ndarray]) -> np.ndarray:
    """Quaternions (T, 4) with signs that make neighbours close: q and -q are the same rotation, their middle is not."""
    values = np.array(rotations)
    flips = np.sign((values[1:] * values[:-1]).sum(axis=1))
    values[1:] *= np.cumprod(np.where(flips < 0, -1.0, 1.0))[:, None]
    return values
