"""Stage `shell_proof`: how well known busts come back from one photo (7.2)."""

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.proofs.shell import prove


def main(layout: Layout) -> None:
    result = prove(load_bundled_model(), load_lab_params().shell_proof, print)
    write_json(layout.metric("shell_proof.json"), result)
    print(f"shell_proof: worst silhouette in front {result['worst_front_iou']:.3f} (IoU)")


if __name__ == "__main__":
    run_stage("shell_proof", main)
