"""Stage `texture`: multi-view optimisation of the texture (eqs. 11-13)."""

from portrait_pipeline.applications.pair import DeformedHead, LocatedPair, PhotoTexture, stylise_pair
from portrait_pipeline.artifacts import write_table
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    with progress_bar(f"texture {name}") as progress:
        stylised, history = stylise_pair(
            load_bundled_model(), located, head, photo, load_params().texture, progress
        )
    stylised.save(layout.pair_artifact("texture", name))
    write_table(layout.artifact("texture", f"{name}.csv"), history)


if __name__ == "__main__":
    run_pair_stage("texture", main)
