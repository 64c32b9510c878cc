"""Stage `landmarks`: 68 points on the photo and the artwork of a pair."""

import sys

from portrait_pipeline.base import images
from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.landmarks.draw import draw
from portrait_pipeline.landmarks.params import LandmarksParams, load_pair
from portrait_pipeline.landmarks.step import locate_pair
from portrait_pipeline.samples.sources import resolve


def main(layout: Layout, name: str) -> None:
    pair, params = load_pair(name), load_section(LandmarksParams, "landmarks")
    photo, art = (resolve(source, layout.root).path for source in (pair.photo, pair.art))
    more = [resolve(source, layout.root).path for source in pair.more_photos]
    located = locate_pair(photo, art, params, notify=lambda message: print(message, file=sys.stderr), more_photos=more)
    located.save(layout.pair_artifact("landmarks", name))
    for role in ("photo", "art"):
        overlay = draw(*(getattr(located, name) for name in (role, f"{role}_points", f"{role}_errors")))
        images.save_image(layout.artifact("landmarks", f"{name}_{role}.png"), overlay)


if __name__ == "__main__":
    run_pair_stage("landmarks", main)
