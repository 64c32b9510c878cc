"""Which head: the bundled one, or the user's on the same topology."""

from __future__ import annotations

from pathlib import Path

from .model import FaceModel, load_model


def head_model(name: str, root: Path = Path(".")) -> FaceModel:
    """The face model of the project at ``root``: ``bundled``, or a file below it, as ``fit.model`` says.

    Raises:
        ModelError: missing or damaged file, or a model of another topology.
    """
    if name == "bundled":
        return load_model()
    model = load_model(root / name)
    model.require_pipeline(f"fit.model={name}")
    return model
