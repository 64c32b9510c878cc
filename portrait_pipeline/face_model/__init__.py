"""3D morphable face model: the bundled model, camera and fitting to 68 landmarks."""

from .camera import Camera
from .model import FaceModel, load_bundled_model

__all__ = ["Camera", "FaceModel", "load_bundled_model"]
