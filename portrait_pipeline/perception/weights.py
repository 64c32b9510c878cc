"""The network's weights: a safetensors file with its configuration in the header, read and checked.

The bundled file is half precision (11.3 MB) and must have the checksum written here; a file of one's own, as
:mod:`portrait_pipeline.making.perception` writes it, is checked for its configuration, names, shapes and finite
numbers.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from
from safetensors.torch import save

from ..base.artifacts import write_bytes
from ..base.device import fast_type
from ..base.errors import InputFileError
from .crops import LIFT, RATIO, SIZE
from .network import Network, fused, reduced
from .parts import NAMES

CHECKSUM = "8d76be07e0d727db37794a3009ec409754bf55b915a5e542724a64426450dd5a"
"""SHA-256 of the bundled file."""
MAX_BYTES = 500 * 10**6
MAX_WIDTH, MAX_BLOCKS = 2048, 16

_REMEDY = "reinstall the package, or give a file written by `python -m portrait_pipeline.making.perception`"


@lru_cache(maxsize=2)
def load(path: str | Path | None = None) -> Network:
    """The network ready for reading: on the CPU, float32, evaluation mode, batch norms folded.

    Args:
        path: a safetensors file; None is the bundled one. Each file is read once a process.

    Raises:
        InputFileError: missing, damaged, of another configuration, or (bundled) not the file that was shipped.
    """
    if path is not None:
        return fused(read(path))
    with as_file(files(__package__) / "assets" / "perception.safetensors") as bundled:
        return fused(read(bundled, CHECKSUM))


@lru_cache(maxsize=1)
def load_quick() -> Network:
    """The bundled network for videos: in bfloat16 where the CPU computes that itself, else as :func:`load` gives it."""
    return reduced(load()) if fast_type(torch.device("cpu")) == torch.bfloat16 else load()


def read(path: str | Path, checksum: str | None = None) -> Network:
    """The network as it was trained, batch norms unfolded.

    Args:
        path: safetensors file.
        checksum: SHA-256 that the file must have; None checks the contents alone.

    Raises:
        InputFileError: as :func:`load`.
    """
    path = Path(path)
    data = _bytes(path)
    if checksum is not None and hashlib.sha256(data).hexdigest() != checksum:
        raise InputFileError(f"{path}: the face network's weights are not those shipped (damaged?); {_REMEDY}")
    try:
        header = _header(data)
        tensors = {name: tensor.float() for name, tensor in tensors_from(data).items()}
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputFileError(f"{path}: the face network's weights cannot be read ({reason}); {_REMEDY}") from error
    network = Network(*_configuration(path, header))
    _check(path, network, tensors)
    network.load_state_dict(tensors)
    return network.eval()


def write(path: str | Path, network: Network) -> None:
    """Write weights in half precision with their configuration, atomically; :func:`read` takes them back.

    Raises:
        InputFileError: a number is not finite in half precision.
        OutputError: the disk refuses.
    """
    path = Path(path)
    tensors = {
        name: tensor.detach().cpu().half().contiguous() if tensor.is_floating_point() else tensor.cpu()
        for name, tensor in network.state_dict().items()
    }
    _check(path, network, tensors)
    configuration = {
        "widths": network.widths,
        "blocks": network.blocks,
        "size": SIZE,
        "ratio": RATIO,
        "lift": LIFT,
        "classes": NAMES,
    }
    write_bytes(path, save(tensors, {"config": json.dumps(configuration)}))


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputFileError(f"{path}: too large for the face network's weights; {_REMEDY}")
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"{path}: the face network's weights cannot be read ({error.strerror}); {_REMEDY}"
        ) from error


def _header(data: bytes) -> dict[str, str]:
    """The free entries of a safetensors header: eight bytes of length, then JSON."""
    length = int.from_bytes(data[:8], "little")
    if length > len(data) - 8:
        raise ValueError("the file ends too early")
    return json.loads(data[8 : 8 + length])["__metadata__"]


def _configuration(path: Path, header: dict[str, str]) -> tuple[list[int], list[int]]:
    """Widths and blocks of the network that the file holds, the rest being as this package expects it."""
    try:
        configuration = json.loads(header["config"])
        widths, blocks = configuration["widths"], configuration["blocks"]
        fixed = {"size": SIZE, "ratio": RATIO, "lift": LIFT, "classes": list(NAMES)}
        other = next((name for name, value in fixed.items() if configuration[name] != value), None)
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError(f"{path}: lacks the face network's configuration ({error}); {_REMEDY}") from error
    if other is not None:
        raise InputFileError(
            f"{path}: made for another version, {other} is {configuration[other]} instead of {fixed[other]}; {_REMEDY}"
        )
    if not (_whole(widths, 1, MAX_WIDTH) and _whole(blocks, 0, MAX_BLOCKS)):
        raise InputFileError(f"{path}: widths {widths} and blocks {blocks} are no network; {_REMEDY}")
    return widths, blocks


def _whole(values: object, low: int, high: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 5
        and all(isinstance(value, int) and low <= value <= high for value in values)
    )


def _check(path: Path, network: Network, tensors: dict[str, torch.Tensor]) -> None:
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected or tensors[name].shape != expected[name].shape:
            raise InputFileError(f"{path}: {name} is missing, unknown or of another shape; {_REMEDY}")
        if not torch.isfinite(tensors[name]).all():
            raise InputFileError(f"{path}: {name} has a number that is not finite; {_REMEDY}")
