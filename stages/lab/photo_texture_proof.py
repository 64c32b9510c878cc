"""Stage `photo_texture_proof`: how well known textures come back from photographs of painted heads (section 5)."""

from portrait_pipeline.base.artifacts import write_json
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.params import load_lab_params
from portrait_pipeline.lab.proofs.photo_texture import prove


def main(layout: Layout) -> None:
    result = prove(load_bundled_model(), load_lab_params().photo_texture_proof)
    write_json(layout.metric("photo_texture.json"), result)
    print("photo_texture_proof: PSNR (dB) of one photo, seen and filled, all regions:")
    for yaw, values in result["one_photo"].items():
        plain = result["one_photo_plain"][yaw]
        print(
            f"  {yaw:>5} degrees: {values['seen']['all']:.1f} and {values['filled']['all']:.1f}"
            f" (plain projection: {plain['seen']['all']:.1f} and {plain['filled']['all']:.1f})"
        )


if __name__ == "__main__":
    run_stage("photo_texture_proof", main)
