"""Types of the command line's arguments: what they refuse is refused before anything is read or computed."""

from __future__ import annotations

import math
from pathlib import Path

import click

from ..base.files import check_output_file, check_output_folder, check_path
from ..samples.sources import PREFIX


class Number(click.FloatRange):
    """A finite number in a range: NaN passes every comparison of click's own type."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            finite = math.isfinite(float(value))
        except (TypeError, ValueError, OverflowError):
            finite = True  # click says that it is no number
        if not finite:
            bounded = self.min is not None or self.max is not None
            self.fail(f"{value} is not a number in the range {self._describe_range()}" if bounded else
                      f"{value} is not a finite number", param, ctx)  # fmt: skip
        return super().convert(value, param, ctx)


class Existing(click.ParamType):
    """A file or folder to be read, ``~`` resolved. Whether it is there is for its reader to say."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return check_path(value)


class Picture(click.ParamType):
    """A picture as users write it: a path, or ``sample:<name>``."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value) if str(value).startswith(PREFIX) else str(check_path(value, "picture"))


class Folder(Existing):
    """A folder for results: it can be made and written to, or the command ends here."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        folder = check_path(value, "--output")
        check_output_folder(folder)
        return folder


class File(Existing):
    """A file to be written, with one of the given suffixes: it can be, or the command ends here."""

    def __init__(self, *suffixes: str) -> None:
        self.suffixes = suffixes

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = check_path(value, "--output")
        check_output_file(path, self.suffixes)
        return path
