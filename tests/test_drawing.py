"""The drawing of the bundled artworks: a small redraw against an asset, and its parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from portrait_pipeline.base.images import load_image
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.making.artworks.__main__ import main
from portrait_pipeline.making.artworks.cast import names, sitter_of
from portrait_pipeline.making.artworks.pen import Line, draw_lines, fill, spline
from portrait_pipeline.making.artworks.sitter import Proportions, exaggerate
from portrait_pipeline.perception.files import read_points
from portrait_pipeline.samples.sources import resolve

SMALL = 128


def test_a_small_redraw_is_the_bundled_artwork(tmp_path) -> None:
    """At a sixth of the size strokes differ; colours and places of the parts do not."""
    result = CliRunner().invoke(main, ["stained_glass", "--size", str(SMALL), "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    asset = resolve("sample:stained_glass").path
    points, known = read_points(tmp_path / "stained_glass.pts"), read_points(asset.with_suffix(".pts"))
    np.testing.assert_allclose(points * 768 / SMALL, known, atol=0.05)
    drawn, bundled = load_image(tmp_path / "stained_glass.png"), load_image(asset)
    soft = [
        cv2.GaussianBlur(cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA), (0, 0), 6).astype(float)
        for picture in (drawn, bundled)
    ]
    assert np.corrcoef(*(picture.ravel() for picture in soft))[0, 1] > 0.9
    assert np.abs(soft[0] - soft[1]).mean() < 20


def test_every_sitter_has_a_bundled_artwork_hair_and_a_style() -> None:
    for name in names():
        sitter, look, _ = sitter_of(name)
        assert resolve(f"sample:{name}").path.is_file()
        assert len(sitter.identity) == 60 and len(look.locks) > 1


def test_proportions_move_what_they_name() -> None:
    model = load_bundled_model()
    rest = model.mean[model.landmarks].astype(float)
    assert np.array_equal(exaggerate(rest, Proportions()), rest)
    wide = exaggerate(rest, Proportions(mouth_width=1.5))
    assert np.ptp(wide[48:, 0]) == pytest.approx(1.5 * np.ptp(rest[48:, 0]))
    assert np.array_equal(wide[:48], rest[:48])


def test_pen_covers_what_it_should() -> None:
    square = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])
    assert fill(square, 64).sum() == pytest.approx(400, rel=0.05)
    line = draw_lines([Line(spline(np.array([[4.0, 32.0], [60.0, 32.0]])), 48.0, "jaw", 0.0)], 64)  # 4 px at this size
    assert line.sum() == pytest.approx(56 * 4, rel=0.15)
