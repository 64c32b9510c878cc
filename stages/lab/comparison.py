"""Stage `comparison`: one of the methods of Table 1, trained with several seeds (section 6.1)."""

import pandas

from portrait_pipeline.base.artifacts import write_table
from portrait_pipeline.base.device import choose_device
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_model_stage
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.table1.methods import MODELS, of_translator, save_methods
from portrait_pipeline.lab.table1.training import train_model
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace
from portrait_pipeline.translation.params import TranslationParams
from portrait_pipeline.translation.translator import Translator


def main(layout: Layout, name: str) -> None:
    params, section, seed = load_lab_params().comparison, load_section(TranslationParams, "translation"), load_seed()
    schedule, weights = section.schedule(), section.weights()
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    device = choose_device()
    methods, rows = [], []
    for index in range(params.seeds):
        if name == "ours" and index == 0:  # trained already, by the stage `translation`
            method = of_translator(translator, weights)
            history = pandas.read_csv(layout.artifact("translation", "history.csv")).to_dict("records")
        else:
            with progress_bar(f"{name}, seed {index + 1} of {params.seeds}") as progress:
                method, history = train_model(
                    name,
                    translator.autoencoder,
                    space,
                    shapes,
                    schedule,
                    weights,
                    params.rival_learning_rate,
                    seed + index,
                    progress,
                    layout.resume(f"comparison_{name}_{index}"),
                    device,
                )
        methods.append(method)
        rows += [{"seed": index, "epoch": epoch + 1} | row for epoch, row in enumerate(history)]
    save_methods(layout.artifact("comparison", f"{name}.safetensors"), methods, space.size)
    write_table(layout.artifact("comparison", f"{name}.csv"), rows)


if __name__ == "__main__":
    run_model_stage("comparison", main, MODELS)
