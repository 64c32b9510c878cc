"""Stage `autoencoder`: stage one of the landmark translation network (eq. 1)."""

from portrait_pipeline.base.artifacts import write_table
from portrait_pipeline.base.device import choose_device
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace
from portrait_pipeline.translation.params import AutoencoderParams
from portrait_pipeline.translation.training import train_autoencoder
from portrait_pipeline.translation.translator import save_autoencoder


def main(layout: Layout) -> None:
    params = load_section(AutoencoderParams, "autoencoder")
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    with progress_bar("autoencoder") as progress:
        autoencoder, history = train_autoencoder(
            space, shapes, params, progress, layout.resume("autoencoder"), choose_device(), load_seed()
        )
    save_autoencoder(autoencoder, layout.artifact("autoencoder", "autoencoder.safetensors"))
    write_table(layout.artifact("autoencoder", "history.csv"), history)


if __name__ == "__main__":
    run_stage("autoencoder", main)
