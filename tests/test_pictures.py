"""Quick pictures of a scene: the same as the plain renderer's, with clean outlines, each part in its own texture."""

from __future__ import annotations

import numpy as np
import pytest
from rigs import globe, plain, quadrants, small_rig

from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.mesh.pictures import Scene
from portrait_pipeline.mesh.render import Framing, View, render

FRAMING = Framing(np.array([0.5, 0.0, -0.5]), 12.0)


@pytest.mark.parametrize("view", [View(), View(20, 10), View(-100, -25), View(180, 0)])
def test_a_picture_is_that_of_many_rays(view):
    """Within 1 % of white of 64 rays a pixel, on a coloured chequerboard of a few pixels a field."""
    mesh = globe(48, 64)
    rng = np.random.default_rng(0)
    texture = np.kron(rng.integers(0, 255, (32, 32, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    many = render(mesh, texture, view, FRAMING, 96, (245, 243, 239), supersample=8).astype(float)
    quick = Scene([(mesh, texture)]).picture(view, FRAMING, 96, (245, 243, 239))
    assert np.abs(quick - many).mean() < 2.55


def test_outlines_are_shares_of_the_pixel():
    mesh, white = globe(48, 64), plain((255, 255, 255))
    picture = Scene([(mesh, white)]).picture(View(), FRAMING, 64, (0, 0, 0))[..., 0].astype(float)
    many = render(mesh, white, View(), FRAMING, 64, (0, 0, 0), supersample=12)[..., 0]
    assert np.abs(picture - many).max() < 40 and 0 < ((picture > 20) & (picture < 235)).sum() < 400


def test_each_part_has_its_own_texture():
    head = small_rig().parts[0]
    small = head.mesh.with_vertices(head.mesh.vertices / 3 + [0, 0, 9])
    framing = Framing(np.zeros(3), 12.0)
    one = Scene([(head.mesh, quadrants())]).picture(View(), framing, 64)
    both = Scene([(head.mesh, quadrants()), (small, plain((7, 8, 9)))]).picture(View(), framing, 64)
    assert (both[30:34, 30:34] == (7, 8, 9)).all()  # in front
    assert np.array_equal(both[:18], one[:18])


def test_bad_input_is_told():
    mesh = globe()
    with pytest.raises(ParameterError, match="square"):
        Scene([(mesh, quadrants()[:4])])
    for size, framing in ((0, FRAMING), (8, Framing(np.zeros(3), 0.0)), (8, Framing(np.zeros(3), np.nan))):
        with pytest.raises(ParameterError, match="positive"):
            Scene([(mesh, quadrants())]).picture(View(), framing, size)
