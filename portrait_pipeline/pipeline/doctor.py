"""What is installed, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..base.errors import NVDIFFRAST_INSTALL
from .networks import find_networks, trained_networks


@dataclass(frozen=True)
class Check:
    """One line of the report.

    Attributes:
        name: what was looked for.
        present: whether it is there.
        required: whether the default pipeline needs it.
        detail: version, place or reason.
        remedy: what to do if it is absent.
    """

    name: str
    present: bool
    required: bool
    detail: str
    remedy: str


def diagnose(project: Path) -> list[Check]:
    """Look for every required and optional part; never raises for an absent one."""
    return [*_packages(), *_accelerator(), *_weights(), *_project(project)]


def _packages() -> Iterator[Check]:
    modules = {
        "torch": "torch",
        "dlib-bin": "dlib",
        "embreex": "embreex",
        "trimesh": "trimesh",
        "dvc": "dvc",
        "opencv-python-headless": "cv2",
        "face_recognition_models": "face_recognition_models",
    }
    for package, module in modules.items():
        present = importlib.util.find_spec(module) is not None
        yield Check(package, present, True, _version(package) if present else "not installed", "pip install -e .")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "installed from elsewhere"


def _accelerator() -> Iterator[Check]:
    cuda, detail = False, "PyTorch is not installed"
    if importlib.util.find_spec("torch") is not None:
        import torch

        cuda = torch.cuda.is_available()
        detail = torch.cuda.get_device_name() if cuda else f"PyTorch {torch.__version__} sees no CUDA device"
    yield Check("GPU", cuda, False, detail, "none is needed; for speed install a CUDA build of PyTorch")
    present = importlib.util.find_spec("nvdiffrast") is not None
    yield Check(
        "nvdiffrast",
        present,
        False,
        "installed" if present else "not installed: the CPU renderer is used",
        f"on a machine with an NVIDIA GPU and the CUDA toolkit of your PyTorch build: {NVDIFFRAST_INSTALL}",
    )


def _weights() -> Iterator[Check]:
    assets = {
        "face model": ("head", "head_model.h5"),
        "shape space": ("pipeline", "shape_space.h5"),
        "translation network": ("pipeline", "translator.safetensors"),
        "perceptual weights": ("perceptual", "vgg16_features.safetensors"),
        "sample artworks": ("samples", "ink_caricature.png"),
    }
    for name, (package, file) in assets.items():
        path = Path(str(files("portrait_pipeline"))) / package / "assets" / file
        detail = f"{path} ({path.stat().st_size / 2**20:.1f} MB)" if path.is_file() else f"{path} not found"
        yield Check(name, path.is_file(), True, detail, "reinstall the package: pip install -e .")
    spec = importlib.util.find_spec("face_recognition_models")
    folder = Path(next(iter(spec.submodule_search_locations))) / "models" if spec else None
    predictor = folder / "shape_predictor_68_face_landmarks.dat" if folder else None
    present = predictor is not None and predictor.is_file()
    yield Check(
        "landmark predictor",
        present,
        True,
        str(predictor) if present else "not found",
        "pip install face_recognition_models==0.3.0",
    )


def _project(project: Path) -> Iterator[Check]:
    own = trained_networks(project)
    trained = find_networks(project).training is not None if project.is_dir() else False
    yield Check(
        "project's own networks",
        trained,
        False,
        str(own.translator) if trained else f"{own.translator} not found: the bundled networks are used",
        "none are needed; to train your own run `dvc repro translation` in the project's root folder",
    )
    git = shutil.which("git")
    yield Check("git", git is not None, True, git or "not found", "install git: DVC needs it")
