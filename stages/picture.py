"""Stage `picture`: the photo itself redrawn (7.4)."""

from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.base.images import save_image
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.picture.params import PictureParams
from portrait_pipeline.picture.step import picture_pair
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.texture.params import TextureParams


def main(layout: Layout, name: str) -> None:
    model = load_bundled_model()
    with progress_bar(f"picture {name}") as progress:
        picture = picture_pair(
            model,
            LocatedPair.load(layout.pair_artifact("landmarks", name)),
            FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean)),
            Shell.load(layout.pair_artifact("shell", name), V=len(model.mean)),
            Rig.load(layout.pair_artifact("animation", name)),
            load_section(PictureParams, "picture"),
            load_section(TextureParams, "texture"),
            progress=progress,
            seed=load_seed(),
        )
    save_image(layout.artifact("picture", f"{name}.png"), picture)


if __name__ == "__main__":
    run_pair_stage("picture", main)
