"""3D morphable face model: the bundled model, camera and fitting to 68 landmarks."""

from .camera import AnyCamera, Camera, PerspectiveCamera, camera_from_row
from .fit import Fit, fit_errors, fit_joint, fit_landmarks, fit_many, frontalise
from .model import FaceModel, load_bundled_model, load_model

__all__ = [
    "AnyCamera", "Camera", "FaceModel", "Fit", "PerspectiveCamera", "camera_from_row", "fit_errors", "fit_landmarks",
    "fit_joint", "fit_many", "frontalise", "load_bundled_model", "load_model",
]
