"""Stage `figures`: the comparison of translation methods as pictures (Table 1, Figs. 3 and 6)."""

import pandas

from portrait_pipeline.base.artifacts import atomic_path, read_json, write_table
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.head.model import head_model
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.table1.figures import face_figures
from portrait_pipeline.lab.table1.methods import MODELS, load_methods
from portrait_pipeline.lab.table1.plots import plot_distances, plot_measures
from portrait_pipeline.pipeline.params import load_params
from portrait_pipeline.shapes.plots import save_figure
from portrait_pipeline.shapes.space import ShapeSpace
from portrait_pipeline.translation.translator import Translator


def main(layout: Layout) -> None:
    params = load_params()
    model = head_model(params.fit.model, layout.root)
    space = ShapeSpace.load(layout.artifact("shape_space", "shape_space.h5"))
    translator = Translator.load(layout.artifact("translation", "translator.safetensors"))
    methods = {name: load_methods(layout.artifact("comparison", f"{name}.safetensors"))[0] for name in MODELS}
    distances = read_json(layout.metric("table1.json"))
    figures = {
        "distances": plot_distances(distances),
        "measures": plot_measures(read_json(layout.metric("translation.json"))),
        **face_figures(layout, params, load_lab_params().figures, model, space, translator, methods),
    }
    for name, figure in figures.items():
        save_figure(figure, layout.artifact("figures", f"{name}.png"))
    for name in MODELS:  # mean over seeds, as `dvc plots` draws them
        curves = pandas.read_csv(layout.artifact("comparison", f"{name}.csv")).drop(columns="seed")
        curve = curves.groupby("epoch", as_index=False).mean()
        write_table(layout.artifact("figures", f"{name}.csv"), curve.to_dict("records"))
    bars = pandas.DataFrame(
        [(name, distances[name]) for name in (*MODELS, "real_floor")], columns=["model", "distance"]
    )
    with atomic_path(layout.artifact("figures", "distances.csv")) as temporary:
        bars.to_csv(temporary, index=False)


if __name__ == "__main__":
    run_stage("figures", main)
