"""Stage `landmarks`: 68 points on the photo and the artwork of a pair."""

import sys

from portrait_pipeline import images, landmarks
from portrait_pipeline.applications.pair import locate_pair
from portrait_pipeline.params import load_params
from portrait_pipeline.samples import resolve
from portrait_pipeline.stage import Layout, run_pair_stage


def main(layout: Layout, name: str) -> None:
    params = load_params()
    pair = params.pair(name)
    photo, art = (resolve(source, layout.root).path for source in (pair.photo, pair.art))
    more = [resolve(source, layout.root).path for source in pair.more_photos]
    located = locate_pair(
        photo, art, params.landmarks, notify=lambda message: print(message, file=sys.stderr), more_photos=more
    )
    located.save(layout.pair_artifact("landmarks", name))
    for role in ("photo", "art"):
        overlay = landmarks.draw(getattr(located, role), getattr(located, f"{role}_points"))
        images.save_image(layout.artifact("landmarks", f"{name}_{role}.png"), overlay)


if __name__ == "__main__":
    run_pair_stage("landmarks", main)
