"""Stage `shell`: hair, hat, clothes and shoulders around the fitted head (7.2)."""

import sys

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.landmarks.params import load_pair
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.shell.params import ShellParams
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.shell.step import shell_pair


def main(layout: Layout, name: str) -> None:
    path = layout.pair_artifact("shell", name)
    if load_pair(name).shell == "none":
        Shell.none("left out").save(path)
        return
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    model = load_bundled_model()
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    shell = shell_pair(model, located, fitted, load_section(ShellParams, "shell"))
    if shell.note:
        print(f"shell {name}: {shell.note}", file=sys.stderr)
    shell.save(path)


if __name__ == "__main__":
    run_pair_stage("shell", main)
