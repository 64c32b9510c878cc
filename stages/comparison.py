"""Stage `comparison`: one of the methods of Table 1, trained with several seeds (section 6.1)."""

import pandas

from portrait_pipeline.artifacts import write_table
from portrait_pipeline.device import choose_device
from portrait_pipeline.params import load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.shapes import ShapeSet, ShapeSpace
from portrait_pipeline.stage import Layout, run_model_stage
from portrait_pipeline.translation import MODELS, Translator, of_translator, save_methods, train_model


def main(layout: Layout, name: str) -> None:
    params = load_params()
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    shapes = ShapeSet.load(layout.artifact("shape_space", "shapes.h5"))
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    device = choose_device(params.translation.device)
    methods, rows = [], []
    for index in range(params.comparison.seeds):
        if name == "ours" and index == 0:  # trained already, by the stage `translation`
            method = of_translator(translator, params.translation)
            history = pandas.read_csv(layout.artifact("translation", "history.csv")).to_dict("records")
        else:
            with progress_bar(f"{name}, seed {index + 1} of {params.comparison.seeds}") as progress:
                method, history = train_model(
                    name, translator.autoencoder, space, shapes, params, params.translation.seed + index, progress,
                    layout.resume(f"comparison_{name}_{index}"), device,
                )
        methods.append(method)
        rows += [{"seed": index, "epoch": epoch + 1} | row for epoch, row in enumerate(history)]
    save_methods(layout.artifact("comparison", f"{name}.safetensors"), methods, space.size)
    write_table(layout.artifact("comparison", f"{name}.csv"), rows)


if __name__ == "__main__":
    run_model_stage("comparison", main, MODELS)
