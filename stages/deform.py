"""Stage `deform`: landmark-guided Laplacian deformation (eqs. 8-10)."""

from portrait_pipeline.applications.pair import FittedPair, TranslatedPair, deform_pair
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    translated = TranslatedPair.load(layout.pair_artifact("translate", name))
    head = deform_pair(load_bundled_model(), fitted, translated, load_params().deform)
    head.save(layout.pair_artifact("deform", name))


if __name__ == "__main__":
    run_pair_stage("deform", main)
