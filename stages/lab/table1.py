"""Laboratory stage `table1`: translations of all methods against real art, and what they keep and take (6.1)."""

import numpy as np

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.fid.params import FidParams
from portrait_pipeline.fid.questions import draw_questions
from portrait_pipeline.lab.table1.comparison import table_of_distances, table_of_translations
from portrait_pipeline.lab.table1.methods import MODELS, load_methods
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace
from portrait_pipeline.translation.delivery import exaggerate
from portrait_pipeline.translation.params import TranslateParams
from portrait_pipeline.translation.translator import Translator


def main(layout: Layout) -> None:
    params, bound = load_section(FidParams, "fid"), load_section(TranslateParams, "translate").bound
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    methods = {name: load_methods(layout.artifact("comparison", f"{name}.safetensors")) for name in MODELS}
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    questions = draw_questions(shapes, params.samples, np.random.default_rng(load_seed()))
    delivered = exaggerate(translator, space, questions.contents, questions.exemplars, bound=bound)
    write_json(layout.metric("table1.json"), table_of_distances(methods, questions, delivered))
    write_json(layout.metric("translation.json"), table_of_translations(methods, space, shapes, questions))


if __name__ == "__main__":
    run_stage("table1", main)
