"""Stage `fit`: the face model fitted to the photo; pose removed from both sets of points (section 4.2)."""

import sys

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.step import fit_pair
from portrait_pipeline.head.model import head_model
from portrait_pipeline.landmarks.record import LocatedPair


def main(layout: Layout, name: str) -> None:
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    params = load_section(FitParams, "fit")
    fitted = fit_pair(head_model(params.model, layout.root), located, params, lambda line: print(line, file=sys.stderr))
    fitted.save(layout.pair_artifact("fit", name))


if __name__ == "__main__":
    run_pair_stage("fit", main)
