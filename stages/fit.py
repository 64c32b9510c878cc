"""Stage `fit`: the face model fitted to the photo; pose removed from both sets of points (section 4.2)."""

from portrait_pipeline.applications.pair import LocatedPair, fit_pair, head_model
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    params = load_params()
    fitted = fit_pair(head_model(params.fit, layout.root), located, params.fit)
    fitted.save(layout.pair_artifact("fit", name))


if __name__ == "__main__":
    run_pair_stage("fit", main)
