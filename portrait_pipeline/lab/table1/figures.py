"""All pictures of the comparison of translation methods, from the artifacts of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ...base import images
from ...base.artifacts import atomic_path
from ...base.stage import Layout
from ...fit.record import FittedPair
from ...head.model import FaceModel
from ...landmarks.record import LocatedPair
from ...perception.detector import locate
from ...pipeline.params import Params
from ...samples.sources import resolve
from ...shapes.space import ShapeSpace
from ..params import FiguresParams
from .faces import Face, art_face, method_translate, photo_face
from .figures_of_faces import plot_comparison, plot_interpolation, plot_small_differences

if TYPE_CHECKING:
    from pandas import DataFrame

    from ...translation.method import Method
    from ...translation.translator import Translator


def face_figures(
    layout: Layout,
    params: Params,
    settings: FiguresParams,
    model: FaceModel,
    space: ShapeSpace,
    translator: Translator,
    methods: Mapping[str, Method],
) -> dict[str, Figure]:
    """Figures that show faces: ``comparison``, ``small_differences`` and ``interpolation``.

    Args:
        layout: where the fitted pairs lie; artworks are found from its root. settings: what is drawn.
        methods: one trained method of each name.

    Returns:
        name to figure; empty for a project without pairs.

    Raises:
        PortraitError: a pair's artifacts or an artwork cannot be read.
    """
    names = list(params.pairs)[: settings.contents]
    if not names:
        return {}
    contents = [
        photo_face(
            model,
            LocatedPair.load(layout.pair_artifact("landmarks", name)),
            FittedPair.load(layout.pair_artifact("fit", name)),
        )
        for name in names
    ]
    exemplars = [load_exemplar(resolve(spec, layout.root).path, model, params) for spec in settings.exemplars]
    bound = params.translate.bound
    translators = {name: method_translate(method, space, bound) for name, method in methods.items()}
    return {
        "comparison": plot_comparison(contents, exemplars, translators),
        "small_differences": plot_small_differences(contents[0], exemplars[0], translators),
        "interpolation": plot_interpolation(
            contents, (exemplars[0], exemplars[1]), translator, space, settings.steps, bound
        ),
    }


def load_exemplar(path: Path, model: FaceModel, params: Params) -> Face:
    """An artwork and its points, from the front.

    Raises:
        InputFileError: it cannot be read, or no face is found.
    """
    image = images.load_image(path, max_side=params.landmarks.max_side)
    return art_face(model, image, locate(path, image).points, params.fit)


def read_curves(layout: Layout, names: Sequence[str]) -> dict[str, DataFrame]:
    """Training curves of every model: columns ``seed``, ``epoch`` and one a loss term."""
    import pandas

    return {name: pandas.read_csv(layout.artifact("comparison", f"{name}.csv")) for name in names}


def write_csv(table: DataFrame, path: Path) -> None:
    """Write a table for ``dvc plots``, atomically."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")


def mean_curve(curve: DataFrame) -> DataFrame:
    """Mean over seeds: one row an epoch, as ``dvc plots`` draws them."""
    return curve.drop(columns="seed").groupby("epoch", as_index=False).mean()
