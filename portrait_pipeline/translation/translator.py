"""The trained networks at work: landmarks of a person and of one exemplar in, translated landmarks out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .files import fill, read_weights, width, write_weights
from .networks import ArtBranch, Autoencoder, critic


@dataclass(frozen=True)
class Translator:
    """E_X, G_X (``autoencoder``), E_Y^C, E_Y^S, G_Y (``branch``) and the classifier; on the CPU, frozen."""

    autoencoder: Autoencoder
    branch: ArtBranch
    classifier: nn.Module

    @property
    def components(self) -> int:
        """Number of PCA coefficients K the networks work on."""
        return self.autoencoder.encoder.layers.first.in_features

    @torch.no_grad()
    def content_code(self, normal: np.ndarray) -> np.ndarray:
        """E_X: whitened coefficients (B, K) of normal faces -> content codes (B, K)."""
        return self.autoencoder.encoder(_tensor(normal)).double().numpy()

    @torch.no_grad()
    def style_code(self, art: np.ndarray) -> np.ndarray:
        """E_Y^S: whitened coefficients (B, K) of art faces -> means (B, 16) of their style codes."""
        return self.branch.style(_tensor(art))[0].double().numpy()

    @torch.no_grad()
    def decode(self, content_code: np.ndarray, style_code: np.ndarray) -> np.ndarray:
        """G_Y: content codes (B, K) and style codes (B, 16) -> whitened coefficients (B, K) of art faces."""
        return self.branch.decoder(_tensor(content_code), _tensor(style_code)).double().numpy()

    def translate_coefficients(self, normal: np.ndarray, art: np.ndarray) -> np.ndarray:
        """l_z = G_Y(E_X(l_x), E_Y^S(l_y)) on whitened coefficients, (B, K) each."""
        return self.decode(self.content_code(normal), self.style_code(art))

    @torch.no_grad()
    def art_content(self, art: np.ndarray) -> np.ndarray:
        """E_Y^C: whitened coefficients (B, K) of art faces -> content codes (B, K)."""
        return self.branch.content(_tensor(art)).double().numpy()

    def reconstruct(self, art: np.ndarray) -> np.ndarray:
        """G_Y(E_Y^C(l_y), E_Y^S(l_y)): art faces (B, K) through their own codes and back."""
        return self.decode(self.art_content(art), self.style_code(art))

    def save(self, path: str | Path) -> None:
        """Write all weights to one safetensors file."""
        header = {"components": self.components, "classes": self.classifier[-1].out_features}
        write_weights(Path(path), "translator", self._parts(), header)

    def _parts(self) -> dict[str, nn.Module]:
        return {"autoencoder": self.autoencoder, "branch": self.branch, "classifier": self.classifier}

    @classmethod
    def load(cls, path: str | Path) -> Translator:
        """Read weights written by :meth:`save`.

        Raises:
            ArtifactError: missing or damaged file, or of another version.
        """
        header, tensors = read_weights(Path(path), "translator")
        components, classes = (width(header, name, Path(path)) for name in ("components", "classes"))
        translator = cls(Autoencoder(components), ArtBranch(components), critic(components, classes))
        for part, module in translator._parts().items():
            fill(module, part, tensors, Path(path))
        return translator


def save_autoencoder(autoencoder: Autoencoder, path: str | Path) -> None:
    """Write E_X and G_X to a safetensors file."""
    components = autoencoder.encoder.layers.first.in_features
    write_weights(Path(path), "autoencoder", {"autoencoder": autoencoder}, {"components": components})


def load_autoencoder(path: str | Path) -> Autoencoder:
    """Read what :func:`save_autoencoder` wrote.

    Raises:
        ArtifactError: missing or damaged file, or of another version.
    """
    header, tensors = read_weights(Path(path), "autoencoder")
    autoencoder = Autoencoder(width(header, "components", Path(path)))
    fill(autoencoder, "autoencoder", tensors, Path(path))
    return autoencoder


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))
