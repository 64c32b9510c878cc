"""Stage `translate`: the photo's landmarks in the geometric style of the artwork (section 4.1)."""

from portrait_pipeline.base.params import load_section
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.shapes.space import ShapeSpace
from portrait_pipeline.translation.params import TranslateParams
from portrait_pipeline.translation.step import translate_pair
from portrait_pipeline.translation.translator import Translator


def main(layout: Layout, name: str) -> None:
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    translated = translate_pair(translator, space, fitted, load_section(TranslateParams, "translate"))
    translated.save(layout.pair_artifact("translate", name))


if __name__ == "__main__":
    run_pair_stage("translate", main)
