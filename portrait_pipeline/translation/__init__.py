"""The multi-modal landmark translation network (section 4.1)."""

from .delivery import deliver, exaggerate, translate
from .method import Method
from .methods import MODELS, load_methods, of_translator, save_methods
from .networks import ArtBranch, Autoencoder
from .styles import Style, between, class_style, exemplar_style, random_style, style_face
from .training import train_autoencoder, train_model, train_translation
from .translator import Translator, load_autoencoder, save_autoencoder

__all__ = [
    "MODELS",
    "Method",
    "ArtBranch",
    "Autoencoder",
    "Style",
    "Translator",
    "between",
    "class_style",
    "deliver",
    "exaggerate",
    "exemplar_style",
    "load_autoencoder",
    "load_methods",
    "of_translator",
    "random_style",
    "save_autoencoder",
    "save_methods",
    "style_face",
    "train_autoencoder",
    "train_model",
    "train_translation",
    "translate",
]
