"""Stage `landmark_sets`: landmarks of the normal and the art domain (section 4.1, training data)."""

import sys

import numpy as np

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.shapes.collection import Faces, collect
from portrait_pipeline.shapes.generate import generate_art, generate_normal
from portrait_pipeline.shapes.params import LandmarkSetsParams
from portrait_pipeline.shapes.sets import build_set


def main(layout: Layout) -> None:
    params = load_section(LandmarkSetsParams, "landmark_sets")
    model = load_bundled_model()
    seeds = np.random.default_rng(load_seed()).spawn(2)
    counts = {}

    def read(entry: str) -> Faces:
        with progress_bar(f"landmark_sets: {entry}") as progress:
            faces = collect(layout.root / entry, params.bad_files == "skip", progress)
        for problem in faces.bad + faces.no_face:
            print(f"landmark_sets: left out: {problem}", file=sys.stderr)
        return faces

    domains = (("normal", generate_normal, params.normal_count), ("art", generate_art, params.art_count))
    for (domain, generate, count), rng in zip(domains, seeds, strict=True):
        result, counts[domain] = build_set(
            domain, params, model, lambda g=generate, n=count, r=rng: g(model, n, r), read
        )
        result.save(layout.artifact("landmark_sets", f"{domain}.h5"))
        for name, numbers in counts[domain].items():
            print(f"landmark_sets: {domain}: {name}: {', '.join(f'{value} {key}' for key, value in numbers.items())}")
    write_json(layout.metric("landmark_sets.json"), counts)


if __name__ == "__main__":
    run_stage("landmark_sets", main)
