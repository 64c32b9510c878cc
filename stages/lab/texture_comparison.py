"""Stage `texture_comparison`: all methods of texture stylisation side by side on one pair (section 5)."""

from portrait_pipeline.base.artifacts import write_arrays, write_json
from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.base.images import save_image
from portrait_pipeline.base.params import load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.deform.record import DeformedHead
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.texture_comparison import compare_methods, comparison_sheet
from portrait_pipeline.landmarks.params import load_pair, load_pairs
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.texture.params import TextureParams


def main(layout: Layout) -> None:
    settings, pairs = load_lab_params().texture_comparison, load_pairs()
    if not pairs:
        raise ParameterError("params.yaml: pairs is empty; add one with `portrait add-pair NAME PHOTO ART`")
    name = settings.pair or next(iter(pairs))
    load_pair(name)
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    fitted = FittedPair.load(layout.pair_artifact("fit", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    model = load_bundled_model()
    results = compare_methods(
        model,
        located,
        fitted,
        head,
        photo,
        TextureParams(),
        settings,
        lambda method: progress_bar(f"{method} {name}"),
        load_seed(),
    )
    arrays = {f"{result.name}/{part}": getattr(result, part) for result in results for part in ("texture", "vertices")}
    path = layout.artifact("texture_comparison", "textures.h5")
    write_arrays(path, arrays, {"pair": name}, kind="texture_comparison")
    sheet = comparison_sheet(model.mesh(head.vertices), located.art, results, f"{name}: methods side by side")
    save_image(layout.artifact("texture_comparison", "sheet.png"), sheet)
    measures = {result.name: result.measures for result in results}
    write_json(layout.metric("texture_methods.json"), {"pair": name, "methods": measures})


if __name__ == "__main__":
    run_stage("texture_comparison", main)
