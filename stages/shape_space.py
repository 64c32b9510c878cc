"""Stage `shape_space`: alignment, PCA of both domains, K-means of the art domain (section 4.1, Fig. 3)."""

from portrait_pipeline.base.params import load_section, load_seed
from portrait_pipeline.base.stage import Layout, run_stage
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.shapes.plots import plot_classes, plot_modes, save_figure
from portrait_pipeline.shapes.sets import LandmarkSet
from portrait_pipeline.shapes.space import build_shape_space


def main(layout: Layout) -> None:
    normal, art = (LandmarkSet.load(layout.artifact("landmark_sets", f"{domain}.h5")) for domain in ("normal", "art"))
    space, shapes = build_shape_space(
        normal.landmarks,
        art.landmarks,
        load_section(ShapeSpaceParams, "shape_space"),
        normal.group,
        art.group,
        normal.source,
        art.source,
        seed=load_seed(),
    )
    space.save(layout.artifact("shape_space", "shape_space.h5"))
    shapes.save(layout.artifact("shape_space", "shapes.h5"))
    for name, figure in {"modes": plot_modes(space), "classes": plot_classes(space, shapes)}.items():
        save_figure(figure, layout.artifact("shape_space", f"{name}.png"))
    print(f"shape_space: {space.size} components keep {100 * space.variance_kept:.2f} % of the variance")


if __name__ == "__main__":
    run_stage("shape_space", main)
