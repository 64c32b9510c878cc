"""Stage `translation`: stage two of the landmark translation network (eqs. 2-7)."""

from portrait_pipeline.base.artifacts import write_table
from portrait_pipeline.base.device import choose_device
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace
from portrait_pipeline.translation.params import TranslationParams
from portrait_pipeline.translation.training import train_translation
from portrait_pipeline.translation.translator import load_autoencoder


def main(layout: Layout) -> None:
    params = load_section(TranslationParams, "translation")
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    autoencoder = load_autoencoder(layout.artifact("autoencoder", "autoencoder.safetensors"))
    with progress_bar("translation") as progress:
        translator, history = train_translation(
            autoencoder, space, shapes, params, progress, layout.resume("translation"), choose_device(), load_seed()
        )
    translator.save(layout.artifact("translation", "translator.safetensors"))
    write_table(layout.artifact("translation", "history.csv"), history)


if __name__ == "__main__":
    run_stage("translation", main)
