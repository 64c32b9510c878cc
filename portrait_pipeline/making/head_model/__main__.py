"""Command line of the head model's builder."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from ...base.errors import PortraitError
from ...head.model import FaceModel, blend_shape_limits
from .basis import ARKIT_NAMES, expression_basis, identity_basis, quantise
from .disk import reflect, split_loop
from .features import half_features, wanted_length
from .landmark_ids import jaw_contours, landmark_vertices, regions
from .remesh import Points, Surface, collect_features, remesh, throw_darts
from .source import Source, load_source
from .surface import HalfSurface, half_surface
from .transfer import Transfer, point_matrix
from .uv import lay_out, smooth_over

# Wanted texture length per cm on the regions of the head, in the order of FaceModel.REGIONS
IMPORTANCE = (1.0, 1.3, 1.3, 1.3, 1.0, 0.7, 0.7)


def fit_scale(surface: Surface, chains: list[np.ndarray], fixed: np.ndarray, count: int, seed: int) -> float:
    """Factor on the wanted edge lengths that gives about ``count`` points."""
    scale = 1.0
    for _ in range(4):
        features = collect_features(surface, chains, fixed, scale)
        darts = throw_darts(surface, features.points, scale, np.random.default_rng(seed))
        scale *= ((len(features.points) + len(darts)) / count) ** 0.5
    return scale


def patch_members(points: Points, half: HalfSurface, ids: np.ndarray) -> np.ndarray:
    """(n,) bool: points that lie inside a patch and not on its rim."""
    member = np.zeros(len(half.meshing), bool)
    member[ids] = True
    return ((points.weights > 1e-9) & member[points.ids]).any(axis=1)


def back_path(mean: np.ndarray, chain: np.ndarray) -> np.ndarray:
    """Part of the symmetry chain from the neck's back up to the crown, the highest vertex."""
    chain = chain if mean[chain[0], 2] < mean[chain[-1], 2] else chain[::-1]
    return chain[: int(mean[chain, 1].argmax()) + 1]


def build(source: Source, vertices: int = 12000, components: int = 80, samples: int = 4000, seed: int = 0) -> FaceModel:
    """Build the head model.

    Args:
        source: measured heads.
        vertices: about how many vertices the head gets.
        components: identity components. samples: heads drawn for their PCA. seed: of all random numbers.
    """
    half = half_surface(source)
    chains, fixed, base_landmarks = half_features(half, source)
    surface = Surface(half.meshing, half.triangles, wanted_length(half, source))
    scale = fit_scale(surface, chains, fixed, vertices // 2 + 30, seed)
    points, half_triangles, _ = remesh(surface, chains, fixed, scale, np.random.default_rng(seed))
    places = points.of(half.meshing)
    seam = np.abs(places[:, 0]) < 1e-9
    triangles, mirror, origin = reflect(half_triangles, seam)
    transfer = Transfer(half, source, point_matrix(points, len(half.meshing)), origin)
    mean = transfer.mean()
    eye, mouth = (patch_members(points, half, patch.ids)[origin] for patch in (half.eye, half.mouth))
    region = regions(mean, eye, mouth)
    landmarks = landmark_vertices(points, base_landmarks, mirror)
    loop, count = split_loop(half_triangles, seam)
    path = back_path(mean, loop[:count])
    second = np.arange(len(triangles)) >= len(half_triangles)
    importance = smooth_over(np.array(IMPORTANCE)[region], triangles)
    uv, uv_triangles = lay_out(transfer.meshing(), triangles, path, second, mirror, region == 0, importance)
    modes = np.stack([transfer.identity(mode) for mode in source.identity])
    identity, kept = identity_basis(modes, mirror, components, samples, np.random.default_rng(seed + 1))
    print(f"{len(mean)} vertices, {components} components keep {100 * kept:.2f} % of the variance")
    return FaceModel(
        name="head-12k",
        mean=mean - [0.0, *mean[:, 1:].mean(axis=0)],
        triangles=triangles,
        identity_basis=quantise(identity),
        expression_basis=quantise(expression_basis(source.expression, transfer.expression)),
        expression_names=tuple(ARKIT_NAMES),
        **blend_shape_limits(len(ARKIT_NAMES)),
        cross_basis=None,
        uv=uv,
        uv_triangles=uv_triangles,
        landmarks=landmarks,
        jaw_contours=jaw_contours(mean, triangles, landmarks, mirror, region == 4),
        mirror=mirror,
        regions=region,
    )


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("head_model.h5"), show_default=True)
def main(source: Path, output: Path) -> None:
    """Build the bundled head model from SOURCE, ICT-FaceKit as one NPZ file (see PROVENANCE.md beside the model)."""
    try:
        build(load_source(source)).save(output)
    except PortraitError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m portrait_pipeline.making.head_model")
