"""Hair, hat, clothes and shoulders around the head: one closed surface found in one photo, that follows the head."""

from .build import build_shell
from .carry import carry_shell
from .measures import measure_shell
from .params import ShellParams
from .record import Shell

__all__ = ["Shell", "ShellParams", "build_shell", "carry_shell", "measure_shell"]
