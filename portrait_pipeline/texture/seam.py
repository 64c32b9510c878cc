"""Closing the seam of the layout: its left and right border are one line on the head."""

from __future__ import annotations

import torch

_REACH = 8  # columns on either side that share the correction


def close_seam(texture: torch.Tensor) -> torch.Tensor:
    """The texture (3, S, S) with the step across the seam made equal to the mean of the steps beside it.

    Texels left and right of the seam lie in different cells at every level of the pyramid and the mip chain, which no
    other pair of neighbours does, so they agree a little less. What is too much is spread over a few columns.
    """
    step = texture[..., 0] - texture[..., -1]
    beside = (texture[..., 1] - texture[..., 0] + texture[..., -1] - texture[..., -2]) / 2
    ramp = 0.5 * (1 - torch.arange(_REACH, dtype=texture.dtype, device=texture.device) / _REACH)
    correction = (step - beside)[..., None] * ramp
    result = texture.clone()
    result[..., :_REACH] -= correction
    result[..., -_REACH:] += correction.flip(-1)
    return result
