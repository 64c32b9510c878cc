"""How the bundled perceptual weights were made: VGG-16 with batch norm on Tiny ImageNet, folded and balanced."""

from .images import read_folder
from .recipe import Recipe
from .train import train_weights

__all__ = ["Recipe", "read_folder", "train_weights"]
