"""The bundled artworks: invented people, drawn by code, each with its exact 68 landmarks.

A sitter (an exaggerated head of the face model) is posed, lit and painted as a full-colour study; a style
then
redraws the study with pen, brush, gouge or glass. ``python -m portrait_pipeline.making.artworks -o DIR``
rebuilds all.
"""

from .gallery import ARTWORKS, draw, points_text, save

__all__ = ["ARTWORKS", "draw", "points_text", "save"]
