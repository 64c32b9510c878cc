"""Stage `texture_comparison`: all methods of texture stylisation side by side on one pair (section 5)."""

from portrait_pipeline.applications.pair import DeformedHead, LocatedPair, PhotoTexture
from portrait_pipeline.applications.texture_comparison import compare_methods, comparison_sheet, metrics
from portrait_pipeline.artifacts import write_arrays, write_json
from portrait_pipeline.errors import ParameterError
from portrait_pipeline.face_model import load_bundled_model
from portrait_pipeline.images import save_image
from portrait_pipeline.params import TextureParams, load_params
from portrait_pipeline.progress import progress_bar
from portrait_pipeline.stage import Layout, run_stage


def main(layout: Layout) -> None:
    params = load_params()
    settings = params.texture_comparison
    if not params.pairs:
        raise ParameterError("params.yaml: pairs is empty; add one with `portrait add-pair NAME PHOTO ART`")
    name = settings.pair or next(iter(params.pairs))
    params.pair(name)
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    model = load_bundled_model()
    results = compare_methods(
        model, located, head, photo, TextureParams(), settings, lambda method: progress_bar(f"{method} {name}")
    )
    arrays = {f"{result.name}/{part}": getattr(result, part) for result in results for part in ("texture", "vertices")}
    path = layout.artifact("texture_comparison", "textures.h5")
    write_arrays(path, arrays, {"pair": name}, kind="texture_comparison")
    sheet = comparison_sheet(model.mesh(head.vertices), located.art, results, f"{name}: methods side by side")
    save_image(layout.artifact("texture_comparison", "sheet.png"), sheet)
    write_json(layout.metric("texture_methods.json"), {"pair": name, "methods": metrics(results)})


if __name__ == "__main__":
    run_stage("texture_comparison", main)
