"""Stage `texture`: multi-view optimisation of the texture (eqs. 11-13)."""

from portrait_pipeline.base.artifacts import write_table
from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.progress import progress_bar
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.deform.record import DeformedHead
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.landmarks.record import LocatedPair
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.shell.carry import carry_shell
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.texture.step import stylise_pair


def main(layout: Layout, name: str) -> None:
    model = load_bundled_model()
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    head = DeformedHead.load(layout.pair_artifact("deform", name), V=len(model.mean))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    shell = Shell.load(layout.pair_artifact("shell", name), V=len(model.mean))
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    with progress_bar(f"texture {name}") as progress:
        stylised, history = stylise_pair(
            model,
            located,
            head,
            photo,
            load_section(TextureParams, "texture"),
            progress,
            shell,
            carry_shell(model, shell, fitted.vertices, head.vertices) if shell.exists else None,
            seed=load_seed(),
        )
    stylised.save(layout.pair_artifact("texture", name))
    write_table(layout.artifact("texture", f"{name}.csv"), history)


if __name__ == "__main__":
    run_pair_stage("texture", main)
