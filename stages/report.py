"""Stage `report`: quality and run time of every pair."""

from portrait_pipeline.applications.report import pair_metrics, runtime_metrics
from portrait_pipeline.artifacts import write_json
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_stage


def main(layout: Layout) -> None:
    params = load_params()
    names = list(params.pairs)
    write_json(layout.metric("pairs.json"), {name: pair_metrics(layout, name, params.texture) for name in names})
    write_json(layout.metric("runtime.json"), runtime_metrics(layout, names))


if __name__ == "__main__":
    run_stage("report", main)
