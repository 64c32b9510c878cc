"""torchvision's VGG-16, trained on ImageNet: fetched once on request, verified, converted, balanced."""

from __future__ import annotations

import hashlib
import shutil
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory
from typing import BinaryIO

import torch

from ..base.artifacts import locked
from ..base.errors import InputFileError, MissingDependencyError, OutputError
from ..base.progress import Progress, silent
from .weights import balance_file, check_weights, imagenet_path, save_weights

URL = "https://download.pytorch.org/models/vgg16-397923af.pth"
BYTES = 553_433_881
SHA256 = "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
_CHUNK = 1 << 20
_FOLDER = ".download-"
_TIMEOUT = 30.0


def install_imagenet(file: Path | None = None, progress: Progress = silent) -> Path:
    """Put torchvision's weights into the cache folder: 528 MB fetched and verified, 29 MB kept.

    Args:
        file: a copy of torchvision's file made by other means, for machines without the network.
        progress: called with the megabytes so far.

    Returns:
        the balanced float16 safetensors file; an old one is replaced only by a complete new one.

    Raises:
        MissingDependencyError: the network or its server cannot be reached.
        InputFileError: the file is missing, or what came is not the published file.
        OutputError: the disk refuses.
    """
    target = imagenet_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with locked(target.parent):
            for left in target.parent.glob(f"{_FOLDER}*"):  # by a process that was killed
                shutil.rmtree(left, ignore_errors=True)
            with TemporaryDirectory(prefix=_FOLDER, dir=target.parent) as folder:
                if file is None:
                    file = Path(folder) / URL.rpartition("/")[2]
                    fetch(URL, file, progress)
                tensors = read_published(file)
    except OSError as error:
        raise OutputError(
            f"{target.parent}: cannot be written ({error.strerror or error}); free space or set "
            "XDG_CACHE_HOME to another folder"
        ) from error
    save_weights(target, balance_file(file, tensors), {"source": URL, "source_sha256": SHA256})
    return target


def fetch(url: str, target: Path, progress: Progress = silent) -> None:
    """Download the published file; more bytes than it has are not accepted.

    Raises:
        MissingDependencyError: no network, or the server refuses or breaks off.
        OSError: the disk refuses.
    """
    try:
        response = urllib.request.urlopen(url, timeout=_TIMEOUT)  # noqa: S310 - the address is a constant above
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error
    received, total = 0, (BYTES >> 20) + 1
    with response, target.open("wb") as out:
        while chunk := _read(response, url):
            received += len(chunk)
            if received > BYTES:
                raise InputFileError(f"{url}: sends more than the published file's {BYTES} bytes; nothing was kept")
            out.write(chunk)
            progress(received >> 20, total, {})
    if received < BYTES:
        raise _unreachable(url, f"broke off after {received} of {BYTES} bytes")
    progress(total, total, {})


def _read(response: BinaryIO, url: str) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _unreachable(url, error) from error


def _unreachable(url: str, error: object) -> MissingDependencyError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return MissingDependencyError(
        f"{url}: cannot be downloaded ({reason}); try again, or copy the file here from another machine and run "
        "`portrait weights download imagenet --file COPY`"
    )


def read_published(path: Path) -> dict[str, torch.Tensor]:
    """VGG-16's convolution tensors, float32, of torchvision's published file.

    The file is a pickle. It is opened only when its SHA-256 is the one published, so its content is known byte by
    byte, and then by PyTorch's restricted unpickler, which rebuilds tensors and calls nothing else.

    Raises:
        InputFileError: missing, or not the published file.
    """
    if not path.is_file():
        raise InputFileError(f"{path}: no such file; give a copy of {URL}")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != SHA256:
            raise InputFileError(
                f"{path}: is not the published file (its SHA-256 is {found[:16]}..., not "
                f"{SHA256[:16]}...); download {URL} again"
            )
        file.seek(0)  # the same open file is read: it cannot be exchanged after the check
        try:
            tensors = torch.load(file, map_location="cpu", weights_only=True)
        except (UnpicklingError, RuntimeError, EOFError) as error:
            raise InputFileError(f"{path}: cannot be read by this PyTorch ({error}); update PyTorch") from error
    tensors = {name: value.detach().float() for name, value in tensors.items() if name.startswith("features.")}
    check_weights(path, tensors)
    return tensors
