"""Stage `landmark_sets`: landmarks of the normal and the art domain (section 4.1, training data)."""

import numpy as np

from portrait_pipeline.artifacts import write_arrays
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.params import load_params
from portrait_pipeline.shapes import generate_art, generate_normal
from portrait_pipeline.stage import Layout, run_stage


def main(layout: Layout) -> None:
    params = load_params().landmark_sets
    model = load_bundled_model()
    normal_rng, art_rng = np.random.default_rng(params.seed).spawn(2)
    sets = {
        "normal": generate_normal(model, params.normal_count, normal_rng),
        "art": generate_art(model, params.art_count, art_rng),
    }
    for domain, landmarks in sets.items():
        path = layout.artifact("landmark_sets", f"{domain}.h5")
        write_arrays(path, {"landmarks": landmarks}, {"source": "generated"}, kind="landmark_set")


if __name__ == "__main__":
    run_stage("landmark_sets", main)
