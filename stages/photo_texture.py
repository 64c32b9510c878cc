"""Stage `photo_texture`: the photo carried into the canonical texture (section 5)."""

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.photo_texture.params import PhotoTextureParams
from portrait_pipeline.photo_texture.step import project_pair


def main(layout: Layout, name: str) -> None:
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    model = load_bundled_model()
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    photo = project_pair(model, located, fitted, load_section(PhotoTextureParams, "photo_texture"))
    photo.save(layout.pair_artifact("photo_texture", name))


if __name__ == "__main__":
    run_pair_stage("photo_texture", main)
