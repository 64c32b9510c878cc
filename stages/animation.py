"""Stage `animation`: the stylised head, and the photo's to compare with, made ready to animate (7.1)."""

from portrait_pipeline.applications.pair import (
    FittedPair,
    PhotoTexture,
    StylisedTexture,
    animate_pair,
    animate_photo,
    head_model,
)
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    everything = load_params()
    model, params = head_model(everything.fit, layout.root), everything.animation
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    stylised = StylisedTexture.load(layout.pair_artifact("texture", name))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    animate_pair(model, fitted, stylised, params).save(layout.pair_artifact("animation", name))
    animate_photo(model, fitted, photo, params).save(layout.artifact("animation", f"{name}_photo.h5"))


if __name__ == "__main__":
    run_pair_stage("animation", main)
