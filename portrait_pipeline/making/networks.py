"""The bundled networks, taken from a project that has trained them with default parameters.

dvc repro translation && python -m portrait_pipeline.making.networks
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..base.artifacts import write_bytes
from ..base.errors import ParameterError, PortraitError
from ..pipeline.networks import bundled_networks, trained_networks
from ..pipeline.params import Params, load_params
from ..shapes.space import ShapeSpace
from ..translation.translator import Translator

SECTIONS = ("landmark_sets", "shape_space", "autoencoder", "translation")
"""Sections of params.yaml that the networks are made of."""


def refresh(project: Path) -> list[Path]:
    """Copy the shape space and the translation network of a project into the package.

    Args:
        project: folder with params.yaml, after ``dvc repro translation``.

    Returns:
        The two files written.

    Raises:
        ParameterError: a parameter of the training is not the default. ArtifactError: not trained, or a damaged file.
    """
    params, default = load_params(project / "params.yaml"), Params(pairs={})
    if params.seed != default.seed:
        raise ParameterError(f"seed is {params.seed}: the bundled networks are made with the default, {default.seed}")
    for section in SECTIONS:
        values, wanted = (getattr(of, section).model_dump() for of in (params, default))
        for name, value in values.items():
            if value != wanted[name]:
                raise ParameterError(
                    f"{section}.{name} is {value}: the bundled networks are made with the default, {wanted[name]}"
                )
    own, bundled = trained_networks(project), bundled_networks()
    ShapeSpace.load(own.space)
    Translator.load(own.translator)
    written = []
    for source, target in ((own.space, bundled.space), (own.translator, bundled.translator)):
        write_bytes(target, source.read_bytes())
        written.append(target)
    return written


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m portrait_pipeline.making.networks", description=__doc__)
    parser.add_argument("--project", type=Path, default=Path("."), help="a trained one; default: this folder")
    try:
        print("\n".join(map(str, refresh(parser.parse_args().project))))
    except PortraitError as error:
        print(f"networks: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
