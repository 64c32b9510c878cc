"""Stage `animation`: the stylised head, and the photo's to compare with, made ready to animate (7.1)."""

from portrait_pipeline.animation.params import AnimationParams
from portrait_pipeline.animation.step import animate_pair, animate_photo
from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import head_model
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.texture.record import StylisedTexture


def main(layout: Layout, name: str) -> None:
    model = head_model(load_section(FitParams, "fit").model, layout.root)
    params = load_section(AnimationParams, "animation")
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean), E=len(model.expression_names))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    shell = Shell.load(layout.pair_artifact("shell", name), V=len(model.mean))
    lengths = {"V": len(model.mean)} | ({"V2": len(shell.vertices)} if shell.exists else {})
    stylised = StylisedTexture.load(layout.pair_artifact("texture", name), **lengths)
    animate_pair(model, fitted, stylised, shell, params).save(layout.pair_artifact("animation", name))
    animate_photo(model, fitted, photo, shell, params).save(layout.artifact("animation", f"{name}.photo.h5"))


if __name__ == "__main__":
    run_pair_stage("animation", main)
