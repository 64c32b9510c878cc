"""Stage `export`: the files that a person opens."""

from portrait_pipeline.animation import Rig
from portrait_pipeline.applications.pair import (
    FittedPair,
    LocatedPair,
    PhotoTexture,
    StylisedTexture,
    TranslatedPair,
)
from portrait_pipeline.applications.results import write_results
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    write_results(
        layout.result(name),
        name,
        load_bundled_model(),
        LocatedPair.load(layout.pair_artifact("landmarks", name)),
        FittedPair.load(layout.pair_artifact("fit", name)),
        TranslatedPair.load(layout.pair_artifact("translate", name)),
        PhotoTexture.load(layout.pair_artifact("photo_texture", name)),
        StylisedTexture.load(layout.pair_artifact("texture", name)),
        Rig.load(layout.pair_artifact("animation", name)),
        Rig.load(layout.artifact("animation", f"{name}_photo.h5")),
        load_params().export,
    )


if __name__ == "__main__":
    run_pair_stage("export", main)
