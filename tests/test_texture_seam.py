"""The layout's left and right border are one line on the head."""

import numpy as np
import pytest
import torch
from ball import ball
from torch.nn import functional

from portrait_pipeline.mesh.completion import Completion
from portrait_pipeline.texture.optimise import close_seam
from portrait_pipeline.texture.pyramid import enlarge, resize


def test_a_step_across_the_seam_becomes_that_of_its_neighbours():
    generator = torch.Generator().manual_seed(0)
    texture = functional.avg_pool2d(torch.rand(1, 3, 70, 70, generator=generator), 7, stride=1)[0]
    texture[..., 32:] += 0.3
    closed = close_seam(texture)
    assert (texture[..., 0] - texture[..., -1]).abs().mean() > 0.2
    steps = (closed.roll(-1, dims=2) - closed).abs().mean(dim=(0, 1))
    assert steps[-1] < 1.2 * steps[-9:-1].mean() + 0.03, "nothing sticks out at the seam"
    assert torch.equal(closed[..., 8:-8], texture[..., 8:-8])


def test_a_texture_without_a_step_hardly_changes():
    turn = torch.arange(128) / 128 * 2 * torch.pi
    texture = (0.5 + 0.2 * torch.sin(turn)).expand(3, 16, 128).clone()
    assert torch.allclose(close_seam(texture), texture, atol=1e-4)


@pytest.mark.parametrize("factor", [2, 4])
def test_enlarging_goes_round(factor):
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    large = enlarge(image, (8 * factor, 8 * factor))
    for shift in (1, 3, 5):
        turned = enlarge(image.roll(shift, dims=3), (8 * factor, 8 * factor))
        assert torch.allclose(turned, large.roll(shift * factor, dims=3), atol=1e-6)
    inner = slice(factor, -factor)
    assert torch.allclose(large[..., inner], resize(image, (8 * factor, 8 * factor))[..., inner], atol=1e-6)


def test_seen_texels_keep_their_strokes_up_to_the_border_of_the_hidden_ones():
    weight = np.zeros((1024, 1024))
    weight[:, :512] = 1.0
    confidence = Completion(ball(), weight).confidence
    assert confidence[:, :512].min() > 0.35 and confidence[:, :509].min() > 0.8
    assert confidence[:, 516:].max() == 0
