"""The paper's rivals (section 6.1, Table 1): networks for images, their convolution blocks replaced by MLP blocks."""

from .cyclegan import Cyclegan
from .drit import Drit
from .munit import Munit

__all__ = ["Cyclegan", "Drit", "Munit"]
