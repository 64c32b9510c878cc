"""Stage `photo_texture`: the photo carried into the canonical texture (section 5)."""

from portrait_pipeline.applications.pair import FittedPair, LocatedPair, project_pair
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    photo = project_pair(load_bundled_model(), located, fitted, load_params().photo_texture)
    photo.save(layout.pair_artifact("photo_texture", name))


if __name__ == "__main__":
    run_pair_stage("photo_texture", main)
