"""Stage `deform`: landmark-guided Laplacian deformation (eqs. 8-10)."""

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.deform.step import deform_pair
from portrait_pipeline.deformation.params import DeformParams
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.translation.record import TranslatedPair


def main(layout: Layout, name: str) -> None:
    model = load_bundled_model()
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    translated = TranslatedPair.load(layout.pair_artifact("translate", name))
    head = deform_pair(model, fitted, translated, load_section(DeformParams, "deform"))
    head.save(layout.pair_artifact("deform", name))


if __name__ == "__main__":
    run_pair_stage("deform", main)
