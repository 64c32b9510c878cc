"""The multi-modal landmark translation network (section 4.1)."""

from .networks import ArtBranch, Autoencoder
from .training import train_autoencoder, train_translation
from .translator import Translator, exaggerate, load_autoencoder, save_autoencoder, translate

__all__ = [
    "ArtBranch",
    "Autoencoder",
    "Translator",
    "exaggerate",
    "load_autoencoder",
    "save_autoencoder",
    "train_autoencoder",
    "train_translation",
    "translate",
]
