"""Stage `inputs`: what the files hold that params.yaml names; runs every time, see portrait_pipeline/inputs/step.py."""

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.params import read_params
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.inputs.step import pair_record, shared_records
from portrait_pipeline.landmarks.params import load_pairs


def main(layout: Layout) -> None:
    for name, pair in load_pairs().items():
        write_json(layout.artifact("inputs", f"pairs/{name}.json"), pair_record(pair, layout.root))
    for name, record in shared_records(read_params(), layout.root):
        write_json(layout.artifact("inputs", f"{name}.json"), record)


if __name__ == "__main__":
    run_stage("inputs", main)
