"""Stage `fit_proof`: how well the fit recovers heads that are known (4.2)."""

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.proofs.fit_report import prove, summary_table, write_proof


def main(layout: Layout) -> None:
    params, settings = load_section(FitParams, "fit"), load_lab_params().fit_proof
    model = load_bundled_model()
    with progress_bar("fit_proof") as progress:
        proof = prove(model, params, settings, progress)
    write_proof(model, proof, layout.artifact("fit_proof", "."), layout.metric("fit.json"))
    print(summary_table(proof))


if __name__ == "__main__":
    run_stage("fit_proof", main)
