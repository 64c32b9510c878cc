"""Stage `fit_proof`: how well the fit recovers heads that are known (4.2)."""

from portrait_pipeline.applications.fit_report import prove, summary_lines, write_proof
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.stage import Layout, run_stage


def main(layout: Layout) -> None:
    params, model = load_params(), load_bundled_model()
    with progress_bar("fit_proof") as progress:
        proof = prove(model, params.fit, params.fit_proof, progress)
    write_proof(model, proof, layout.artifact("fit_proof", "."), layout.metric("fit.json"))
    print("\n".join(summary_lines(proof)))


if __name__ == "__main__":
    run_stage("fit_proof", main)
