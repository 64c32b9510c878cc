"""All methods of Table 1 by name, and their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ...base.errors import ArtifactError
from ...base.params import validate
from ...translation.exemplar import Exemplar
from ...translation.files import fill, read_weights, write_weights
from ...translation.method import Method
from ...translation.networks import Autoencoder, critic
from ...translation.params import LossWeights
from ...translation.translator import Translator
from ..rivals.cyclegan import Cyclegan
from ..rivals.drit import Drit
from ..rivals.munit import Munit

RIVALS = {"cyclegan": Cyclegan, "munit": Munit, "drit": Drit}
MODELS = ("ours", "ours_without_class_loss", *RIVALS)


def of_translator(translator: Translator, weights: LossWeights) -> Exemplar:
    """The trained translator of the pipeline as one of the methods."""
    model = Exemplar(translator.autoencoder, translator.classifier, weights, torch.Generator().manual_seed(0))
    model.translator.load_state_dict(translator.branch.state_dict())
    return model.eval().requires_grad_(False)


def save_methods(path: str | Path, methods: Sequence[Method], components: int) -> None:
    """Write trained methods of one kind, one for each seed, to one safetensors file; judges are left out.

    Args:
        components: K, the number of coefficients they work on.

    Raises:
        OutputError: the file cannot be written.
    """
    modules = {
        f"{seed}.{part}": module for seed, method in enumerate(methods) for part, module in _kept(method).items()
    }
    first = methods[0]
    header: dict[str, Any] = {"model": first.name, "seeds": len(methods), "components": components}
    if isinstance(first, Exemplar):
        header["params"] = first.params.model_dump()
        header["classes"] = first.classifier[-1].out_features
    write_weights(Path(path), "methods", modules, header)


def load_methods(path: str | Path) -> list[Method]:
    """Read what :func:`save_methods` wrote: trained methods, frozen, on the CPU.

    Raises:
        ArtifactError: missing or damaged file, or of another kind or version.
    """
    header, tensors = read_weights(Path(path), "methods")
    try:
        methods = [_build(header) for _ in range(header["seeds"])]
    except KeyError as error:
        raise ArtifactError(f"{path}: its header lacks {error}; delete it and run `dvc repro`") from error
    for seed, method in enumerate(methods):
        for part, module in _kept(method).items():
            fill(module, f"{seed}.{part}", tensors, Path(path))
        method.eval().requires_grad_(False)
    return methods


def _kept(method: Method) -> dict[str, torch.nn.Module]:
    return {name: module for name, module in method.named_children() if name != "judges"}


def _build(header: Mapping[str, Any]) -> Method:
    generator, components = torch.Generator().manual_seed(0), header["components"]
    if header["model"] in RIVALS:
        return RIVALS[header["model"]](components, generator)
    params = validate(LossWeights, header["params"], header["model"])
    return Exemplar(Autoencoder(components), critic(components, header["classes"]), params, generator)
