"""Stage `translate`: the photo's landmarks in the geometric style of the artwork (section 4.1)."""

from portrait_pipeline.applications.pair import FittedPair, translate_pair
from portrait_pipeline.params import load_params
from portrait_pipeline.shapes import ShapeSpace
from portrait_pipeline.stage import Layout, run_pair_stage
from portrait_pipeline.translation import Translator


def main(layout: Layout, name: str) -> None:
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    translated = translate_pair(translator, space, fitted, load_params().translate)
    translated.save(layout.pair_artifact("translate", name))


if __name__ == "__main__":
    run_pair_stage("translate", main)
