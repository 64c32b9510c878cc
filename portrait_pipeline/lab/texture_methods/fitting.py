"""The texture that shows given pictures in given views, by least squares through the renderer."""

from __future__ import annotations

import torch

from ...texture.rendering.base import RenderedViews


def fit_texture(
    views: RenderedViews, images: torch.Tensor, start: torch.Tensor, steps: int = 40, pull: float = 0.03
) -> torch.Tensor:
    """Minimise sum_v |render_v(t) - image_v|^2 + pull m |t - start|^2 by conjugate gradients on the normal equations.

    Rendering is linear in the texture, so the gradient at 0 of half the squared norm is all the method needs. m is
    the largest share that a texel has in the pictures: texels that no view shows keep their start.

    Args:
        views: N views of one head. images: (N, 3, h, w) wanted, times coverage, as ``views.render`` gives them.
        start: (1, 3, S, S). steps: of conjugate gradients. pull: towards the start. Pictures that contradict each other
            or hold more than the texture can show turn into speckles without it (at 0.001 neighbouring texels differ
            four times as much as at 0.03, for a quarter less residual).

    Returns:
        (1, 3, S, S), not clamped.
    """
    ones = torch.ones_like(start)
    scale = float(_adjoint(views, _render(views, ones), start).max()) * pull
    texture = start.clone()
    residual = _adjoint(views, images - _render(views, start), start)
    direction, size = residual.clone(), residual.square().sum()
    for _ in range(steps):
        if float(size) <= 1e-20:
            break
        image = _adjoint(views, _render(views, direction), start) + scale * direction
        length = size / (direction * image).sum()
        texture, residual = texture + length * direction, residual - length * image
        before, size = size, residual.square().sum()
        direction = residual + (size / before) * direction
    return texture


def _numbers(views: RenderedViews, device: torch.device) -> torch.Tensor:
    return torch.arange(len(views.surface.coverage), device=device)[None]


@torch.no_grad()
def _render(views: RenderedViews, texture: torch.Tensor) -> torch.Tensor:
    return views.render(texture, _numbers(views, texture.device))


def _adjoint(views: RenderedViews, images: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The transpose of rendering: (1, 3, S, S) from (N, 3, h, w)."""
    texture = torch.zeros_like(like, requires_grad=True)
    views.render(texture, _numbers(views, like.device)).backward(images)
    return texture.grad
