"""Stage `fid`: translations of held-out faces against real art (6.1, Table 1)."""

import numpy as np

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.fid.fid import table_of_distances
from portrait_pipeline.fid.params import FidParams
from portrait_pipeline.fid.questions import draw_questions
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace
from portrait_pipeline.translation.params import TranslateParams
from portrait_pipeline.translation.translator import Translator


def main(layout: Layout) -> None:
    params, bound = load_section(FidParams, "fid"), load_section(TranslateParams, "translate").bound
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    questions = draw_questions(shapes, params.samples, np.random.default_rng(load_seed()))
    write_json(layout.metric("fid.json"), table_of_distances(translator, space, questions, bound))


if __name__ == "__main__":
    run_stage("fid", main)
