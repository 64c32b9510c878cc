"""Stage `fid`: translations of all methods against real art faces, and what they keep and take (6.1, Table 1)."""

import numpy as np

from portrait_pipeline.artifacts import write_json
from portrait_pipeline.evaluation.comparison import table_of_translations
from portrait_pipeline.evaluation.fid import table_of_distances
from portrait_pipeline.evaluation.questions import draw_questions
from portrait_pipeline.params import load_params
from portrait_pipeline.shapes import ShapeSet, ShapeSpace
from portrait_pipeline.stage import Layout, run_stage
from portrait_pipeline.translation import MODELS, Translator, exaggerate, load_methods


def main(layout: Layout) -> None:
    everything = load_params()
    params = everything.fid
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    methods = {name: load_methods(layout.artifact("comparison", f"{name}.safetensors")) for name in MODELS}
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    questions = draw_questions(shapes, params.samples, np.random.default_rng(params.seed))
    bound = everything.translate.bound
    delivered = exaggerate(translator, space, questions.contents, questions.exemplars, bound=bound)
    write_json(layout.metric("fid.json"), table_of_distances(methods, questions, delivered))
    write_json(layout.metric("translation.json"), table_of_translations(methods, space, shapes, questions))


if __name__ == "__main__":
    run_stage("fid", main)
