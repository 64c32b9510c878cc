"""Stage `autoencoder`: stage one of the landmark translation network (eq. 1)."""

from portrait_pipeline.artifacts import write_table
from portrait_pipeline.device import choose_device
from portrait_pipeline.params import load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.shapes import ShapeSet, ShapeSpace
from portrait_pipeline.stage import Layout, run_stage
from portrait_pipeline.translation import save_autoencoder, train_autoencoder


def main(layout: Layout) -> None:
    params = load_params().autoencoder
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    with progress_bar("autoencoder") as progress:
        autoencoder, history = train_autoencoder(
            space, shapes, params, progress, layout.resume("autoencoder"), choose_device(params.device)
        )
    save_autoencoder(autoencoder, layout.artifact("autoencoder", "autoencoder.safetensors"))
    write_table(layout.artifact("autoencoder", "history.csv"), history)


if __name__ == "__main__":
    run_stage("autoencoder", main)
