"""Stage `report`: quality and run time of every pair."""

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.landmarks.params import load_pairs
from portrait_pipeline.report.report import pair_metrics, runtime_metrics
from portrait_pipeline.texture.params import TextureParams


def main(layout: Layout) -> None:
    names, params, seed = list(load_pairs()), load_section(TextureParams, "texture"), load_seed()
    write_json(layout.metric("pairs.json"), {name: pair_metrics(layout, name, params, seed) for name in names})
    write_json(layout.metric("runtime.json"), runtime_metrics(layout, names))


if __name__ == "__main__":
    run_stage("report", main)
