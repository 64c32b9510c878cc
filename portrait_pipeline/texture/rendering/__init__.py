"""Rendering for the texture optimisation: one protocol, a CPU and a GPU implementation."""

from .base import RenderedViews, Renderer, Shot, Surface, mip_chain, texel_weights
from .choice import choose_renderer

__all__ = ["RenderedViews", "Renderer", "Shot", "Surface", "choose_renderer", "mip_chain", "texel_weights"]
