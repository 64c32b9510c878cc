"""Photo texture and multi-view texture stylisation."""

from .optimise import stylise
from .photo_projection import project_photo

__all__ = ["project_photo", "stylise"]
