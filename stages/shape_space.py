"""Stage `shape_space`: alignment, PCA of both domains, K-means of the art domain (section 4.1, Fig. 3)."""

from portrait_pipeline.artifacts import atomic_path, read_arrays
from portrait_pipeline.params import load_params
from portrait_pipeline.shapes import build_shape_space
from portrait_pipeline.shapes.plots import plot_classes, plot_modes
from portrait_pipeline.stage import Layout, run_stage


def main(layout: Layout) -> None:
    domains = ("normal", "art")
    files = {domain: layout.artifact("landmark_sets", f"{domain}.h5") for domain in domains}
    normal, art = (read_arrays(files[domain], kind="landmark_set")[0]["landmarks"] for domain in domains)
    space, shapes = build_shape_space(normal, art, load_params().shape_space)
    space.save(layout.artifact("shape_space", "shape_space.h5"))
    shapes.save(layout.artifact("shape_space", "shapes.h5"))
    for name, figure in {"modes": plot_modes(space), "classes": plot_classes(space, shapes)}.items():
        with atomic_path(layout.artifact("shape_space", f"{name}.png")) as temporary:
            figure.savefig(temporary, dpi=100, metadata={"Software": None})  # the version would change the hash
    print(f"shape_space: {space.size} components keep {100 * space.variance_kept:.2f} % of the variance")


if __name__ == "__main__":
    run_stage("shape_space", main)
