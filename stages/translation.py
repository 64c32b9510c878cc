"""Stage `translation`: stage two of the landmark translation network (eqs. 2-7)."""

from portrait_pipeline.artifacts import write_table
from portrait_pipeline.device import choose_device
from portrait_pipeline.params import load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.shapes import ShapeSet, ShapeSpace
from portrait_pipeline.stage import Layout, run_stage
from portrait_pipeline.translation import load_autoencoder, train_translation


def main(layout: Layout) -> None:
    params = load_params().translation
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    autoencoder = load_autoencoder(layout.artifact("autoencoder", "autoencoder.safetensors"))
    with progress_bar("translation") as progress:
        translator, history = train_translation(
            autoencoder, space, shapes, params, progress, layout.resume("translation"), choose_device(params.device)
        )
    translator.save(layout.artifact("translation", "translator.safetensors"))
    write_table(layout.artifact("translation", "history.csv"), history)


if __name__ == "__main__":
    run_stage("translation", main)
