"""Photo texture and multi-view texture stylisation."""

from .optimise import stylise, stylise_together
from .photo_projection import project_photo
from .subject import Subject

__all__ = ["Subject", "project_photo", "stylise", "stylise_together"]
