"""Where the weights of the perceptual network come from: the package, torchvision's file, or the user.

Every source ends as VGG-16 tensors by torchvision's names with the layer balance of
:mod:`~portrait_pipeline.perceptual.balance`. Files are safetensors; the one pickle, torchvision's published
file, is opened in :mod:`~portrait_pipeline.perceptual.download` after its checksum has been verified.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors.torch import save

from ..base.artifacts import write_bytes
from ..base.errors import InputFileError, MissingDependencyError
from ..base.files import refusal
from ..base.tensors import read_tensors
from .balance import CALIBRATION_SHARES, balance, calibration_images
from .layers import CONVOLUTIONS, shapes

BUNDLED, IMAGENET = "bundled", "imagenet"
# Header entry of files whose layers are balanced already; they are used as they are. Holds their origin as JSON.
BALANCED = "layer_balance"
MOST_BYTES = 2 * 10**9
_REMEDY = "use bundled, imagenet or a safetensors file with torchvision's VGG-16 names (features.N.weight)"


def load_weights(source: str | Path = BUNDLED) -> dict[str, torch.Tensor]:
    """Tensors ``features.N.weight`` and ``features.N.bias`` of VGG-16's convolutions, layers balanced.

    Args:
        source: ``"bundled"`` (trained for this project on Tiny ImageNet; see NOTICE); ``"imagenet"`` (torchvision's
            VGG-16, which ``portrait weights download imagenet`` puts into the user's cache folder); or the path of a
            safetensors file with torchvision's names. A path's layers are balanced here, in seconds, unless the
            file's header says that they are (``portrait weights balance`` writes such files).

    Returns:
        26 tensors on the CPU, float16 or float32.

    Raises:
        InputFileError: the file is missing, damaged or not VGG-16.
        MissingDependencyError: ``"imagenet"`` is not in the cache folder.
    """
    tensors, header, path = find_weights(source)
    return tensors if str(source) in (BUNDLED, IMAGENET) or BALANCED in header else balance_file(path, tensors)


def find_weights(source: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, str], Path]:
    """What :func:`read_weights` reads of a source of :func:`load_weights`, and the file; errors as there.

    Also the quick way to learn beforehand that a source is right.
    """
    if str(source) == BUNDLED:
        with as_file(files(__package__) / "assets" / "vgg16_features.safetensors") as path:
            return *read_weights(path), path
    path = imagenet_path() if str(source) == IMAGENET else Path(source).expanduser()
    if str(source) == IMAGENET and not path.is_file():
        raise MissingDependencyError(
            f"texture.weights is imagenet, but {path} is not there; run `portrait weights download imagenet` once, "
            "or use bundled"
        )
    return *read_weights(path), path


def balance_file(
    path: Path, tensors: Mapping[str, torch.Tensor], shares: Sequence[float] | None = None
) -> dict[str, torch.Tensor]:
    """Tensors read from ``path`` with balanced layers, float32; ``shares`` in place of ``CALIBRATION_SHARES``.

    Raises:
        InputFileError: a layer gives zeros only, so that no scale can mend it.
    """
    try:
        return balance(tensors, calibration_images(), shares or CALIBRATION_SHARES)
    except ValueError as error:
        raise InputFileError(f"{path}: cannot be balanced ({error}); {_REMEDY}") from error


def read_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """VGG-16's 26 convolution tensors of a safetensors file as they are, and its header; other tensors are ignored.

    Raises:
        InputFileError: missing, unreadable, of another shape or type, or with a non-finite number.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: perceptual weights are missing; {_REMEDY}")
    wanted = [f"features.{i}.{part}" for i in CONVOLUTIONS for part in ("weight", "bias")]
    tensors, header = read_tensors(path, refusal(InputFileError, path, _REMEDY), MOST_BYTES, wanted)
    check_weights(path, tensors)
    return tensors, header


def check_weights(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse tensors that are not VGG-16's convolutions.

    Raises:
        InputFileError: a layer is missing, of another shape or type, or has a non-finite number.
    """
    for index, (after, before) in shapes().items():
        weight, bias = tensors.get(f"features.{index}.weight"), tensors.get(f"features.{index}.bias")
        if weight is None or bias is None or weight.shape != (after, before, 3, 3) or bias.shape != (after,):
            raise InputFileError(f"{path}: layer features.{index} is missing or not VGG-16's; {_REMEDY}")
        for kind in (tensor.dtype for tensor in (weight, bias) if not tensor.is_floating_point()):
            raise InputFileError(f"{path}: layer features.{index} holds {kind}, not floats; {_REMEDY}")
        if not (torch.isfinite(weight).all() and torch.isfinite(bias).all()):
            raise InputFileError(f"{path}: layer features.{index} has a non-finite number; {_REMEDY}")


def save_weights(path: Path, tensors: Mapping[str, torch.Tensor], origin: Mapping[str, str]) -> None:
    """Write balanced weights as float16 safetensors (29 MB), atomically, with where they come from.

    Raises:
        InputFileError: a number does not fit into float16.
        OutputError: the disk refuses.
    """
    half = {name: tensor.to(torch.float16).contiguous() for name, tensor in tensors.items()}
    check_weights(path, half)
    # one header entry: safetensors writes several in random order
    write_bytes(path, save(half, {BALANCED: json.dumps(origin)}))


def imagenet_path() -> Path:
    """Where ``portrait weights download imagenet`` leaves the balanced weights."""
    return cache_folder() / "vgg16_imagenet.safetensors"


def cache_folder() -> Path:
    """The user's folder for files that can be had again: XDG_CACHE_HOME or ~/.cache on Linux, and the like."""
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the XDG specification: a relative path is invalid and to be ignored
        base = Path(xdg)
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path.home() / ".cache"
    return base / "portrait-pipeline"
