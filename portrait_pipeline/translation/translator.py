"""The trained networks at work: landmarks of a person and of one exemplar in, translated landmarks out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..artifacts import atomic_path
from ..errors import ArtifactError
from ..shapes import ShapeSpace, apply, invert, uncross
from ..shapes.alignment import TARGETS
from .networks import ArtBranch, Autoencoder, critic

VERSION = 1


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

    def save(self, path: str | Path) -> None:
        """Write all weights to one safetensors file."""
        tensors = {
            f"{part}.{name}": value.contiguous()
            for part, module in self._parts().items()
            for name, value in module.state_dict().items()
        }
        _write(
            Path(path),
            tensors,
            {
                "kind": "translator",
                "version": VERSION,
                "components": self.components,
                "classes": self.classifier[-1].out_features,
            },
        )

    def _parts(self) -> dict[str, nn.Module]:
        return {"autoencoder": self.autoencoder, "branch": self.branch, "classifier": self.classifier}

    @classmethod
    def load(cls, path: str | Path) -> Translator:
        """Read weights written by :meth:`save`.

        Raises:
            ArtifactError: missing or damaged file, or of another version.
        """
        metadata, tensors = _read(Path(path), "translator")
        components, classes = metadata["components"], metadata["classes"]
        translator = cls(Autoencoder(components), ArtBranch(components), critic(components, classes))
        for part, module in translator._parts().items():
            _fill(module, part, tensors, Path(path))
        return translator


def save_autoencoder(autoencoder: Autoencoder, path: str | Path) -> None:
    """Write E_X and G_X to a safetensors file."""
    components = autoencoder.encoder.layers.first.in_features
    tensors = {f"autoencoder.{name}": value.contiguous() for name, value in autoencoder.state_dict().items()}
    _write(Path(path), tensors, {"kind": "autoencoder", "version": VERSION, "components": components})


def load_autoencoder(path: str | Path) -> Autoencoder:
    """Read what :func:`save_autoencoder` wrote.

    Raises:
        ArtifactError: missing or damaged file, or of another version.
    """
    metadata, tensors = _read(Path(path), "autoencoder")
    autoencoder = Autoencoder(metadata["components"])
    _fill(autoencoder, "autoencoder", tensors, Path(path))
    return autoencoder


def _write(path: Path, tensors: dict[str, torch.Tensor], header: dict[str, Any]) -> None:
    # One metadata entry: safetensors writes several in random order, and equal weights must give equal bytes.
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"portrait": json.dumps(header)})


def _read(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.is_file():
        raise ArtifactError(f"{path}: missing; run `dvc repro` to make it")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("portrait", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ArtifactError(f"{path}: damaged ({error}); delete it and run `dvc repro`") from error
    if metadata.get("kind") != kind or metadata.get("version") != VERSION:
        raise ArtifactError(
            f"{path}: holds '{metadata.get('kind')}' version {metadata.get('version')}, expected '{kind}' "
            f"version {VERSION}; delete it and run `dvc repro`"
        )
    return metadata, tensors


def _fill(module: nn.Module, part: str, tensors: dict[str, torch.Tensor], path: Path) -> None:
    prefix = f"{part}."
    try:
        module.load_state_dict(
            {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        )
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise ArtifactError(
            f"{path}: does not fit the networks ({first}); delete it and run `dvc repro`"
        ) from error
    module.eval().requires_grad_(False)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def translate(
    translator: Translator,
    space: ShapeSpace,
    content: np.ndarray,
    style: np.ndarray,
    *,
    strength: float = 1.0,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> np.ndarray:
    """Translate a person's landmarks into the geometric style of one exemplar: l_z of section 4.1.

    What the PCA does not hold of the person is kept, and lids and lips that would cross are kept apart.

    Args:
        content: (68, 2) pixels of the photo, y down, frontal. style: (68, 2) pixels of the artwork, y down,
            frontal.
        strength, bound, asymmetry_noise: as of :func:`exaggerate`.

    Returns:
        (68, 2) pixels in the photo's frame.

    Raises:
        LandmarkError: a face cannot be aligned.
    """
    aligned, to_canvas = space.align(content)
    x, y = space.encode(aligned), space.encode(space.align(style)[0])
    z = exaggerate(
        translator, space, x[None], y[None], strength=strength, bound=bound, asymmetry_noise=asymmetry_noise
    )[0]
    return apply(invert(to_canvas), uncross(space.decode(z) + space.residual(aligned)))


def exaggerate(
    translator: Translator,
    space: ShapeSpace,
    x: np.ndarray,
    y: np.ndarray,
    *,
    strength: float = 1.0,
    bound: float = 4.0,
    asymmetry_noise: float = 0.03,
) -> np.ndarray:
    """Change faces as their exemplars ask: ``z = x + strength * (T(x, y) - T(x, n))``.

    T(x, y) = G_Y(E_X(x), E_Y^S(y)) and n is the average normal face, whose style is no exaggeration. So an
    average exemplar leaves the person as they are, what the networks do not reconstruct of the person is
    kept, and the person's own deviations are not pulled towards those of the exemplar's class. T is averaged
    with the translation of the mirrored pair, so that symmetric faces stay symmetric.

    Args:
        x: (B, K) whitened coefficients of normal faces. y: (B, K) of their exemplars.
        strength: factor on the change; 0 returns ``x``.
        bound: exemplars and results stay within +-bound standard deviations (or within the content's own,
            where that is further out).
        asymmetry_noise: asymmetries of an exemplar about this size (root mean square, eye distances) may as
            well be noise of its landmarks; they are shrunk as a Wiener filter does. Large ones are style and
            stay.

    Returns:
        (B, K) whitened coefficients.
    """
    y = _steady(space, np.clip(y, -bound, bound), asymmetry_noise)
    plain = _mirror_averaged(translator, space, x, np.broadcast_to(space.normal_mean, x.shape))
    styled = _mirror_averaged(translator, space, x, y)
    return np.clip(x + strength * (styled - plain), np.minimum(-bound, x), np.maximum(bound, x))


def _mirror_averaged(translator: Translator, space: ShapeSpace, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """T on (B, K) contents and exemplars, averaged with the reflected answer to the reflected question."""
    answer = translator.translate_coefficients(x, y)
    reflected = translator.translate_coefficients(x * space.parity, y * space.parity) * space.parity
    return (answer + reflected) / 2


def _steady(space: ShapeSpace, coefficients: np.ndarray, noise: float) -> np.ndarray:
    """Shrink the antisymmetric coefficients of faces (B, K) by a^2 / (a^2 + noise^2), a their size on the
    canvas.
    """
    odd = space.parity < 0
    eye_distance = TARGETS[1, 0] - TARGETS[0, 0]
    size = np.sqrt(((coefficients * space.scale)[:, odd] ** 2).sum(1, keepdims=True) / 136) / eye_distance
    factor = size**2 / np.maximum(size**2 + noise**2, 1e-12)
    return np.where(odd, coefficients * factor, coefficients)
