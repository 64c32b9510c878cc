"""Stage `fid`: Frechet distance of translations to real art faces (section 6.1, Table 1)."""

import numpy as np

from portrait_pipeline.artifacts import write_json
from portrait_pipeline.evaluation.fid import table_of_distances
from portrait_pipeline.params import load_params
from portrait_pipeline.shapes import ShapeSet, ShapeSpace
from portrait_pipeline.stage import Layout, run_stage
from portrait_pipeline.translation import Translator


def main(layout: Layout) -> None:
    params = load_params().fid
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    table = table_of_distances(translator, space, shapes, params.samples, np.random.default_rng(params.seed))
    write_json(layout.metric("fid.json"), table)


if __name__ == "__main__":
    run_stage("fid", main)
