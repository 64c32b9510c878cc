"""``python -m portrait_pipeline.lab``: benchmarks, the study, and measures of points, fit and deformation."""

from __future__ import annotations

import click

from ..commands.portrait import PortraitGroup
from .commands.benchmark import benchmark
from .commands.deform import deform
from .commands.fit import fit
from .commands.landmarks import landmarks
from .commands.study import study


@click.group(cls=PortraitGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Experiments and measurements; the product's commands are those of ``portrait``."""


for command in (benchmark, deform, fit, landmarks, study):
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="python -m portrait_pipeline.lab")
