"""Stage `export`: the files that a person opens."""

from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.base.images import load_image
from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.export.params import ExportParams
from portrait_pipeline.export.results import write_results
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.texture.record import StylisedTexture
from portrait_pipeline.translation.record import TranslatedPair


def main(layout: Layout, name: str) -> None:
    model = load_bundled_model()
    write_results(
        layout.result(name),
        name,
        model,
        LocatedPair.load(layout.pair_artifact("landmarks", name)),
        FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean)),
        TranslatedPair.load(layout.pair_artifact("translate", name)),
        PhotoTexture.load(layout.pair_artifact("photo_texture", name)),
        StylisedTexture.load(layout.pair_artifact("texture", name), V=len(model.mean)),
        Rig.load(layout.pair_artifact("animation", name)),
        Rig.load(layout.artifact("animation", f"{name}.photo.h5")),
        load_section(ExportParams, "export"),
        load_image(layout.artifact("picture", f"{name}.png")),
    )


if __name__ == "__main__":
    run_pair_stage("export", main)
