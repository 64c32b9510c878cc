"""The bundled networks: used where a project has trained none, and made by the pipeline with default parameters."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from portrait_pipeline.base.errors import ArtifactError, ParameterError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.making import networks as making
from portrait_pipeline.pipeline.networks import bundled_networks, find_networks, load_networks, trained_networks
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.translation.delivery import translate


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A project that has trained, with the bundled networks as the outcome."""
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    own, bundled = trained_networks(tmp_path), bundled_networks()
    for source, target in ((bundled.space, own.space), (bundled.translator, own.translator)):
        target.parent.mkdir(parents=True)
        shutil.copy(source, target)
    return tmp_path


def test_a_trained_project_uses_its_own(trained: Path, tmp_path_factory) -> None:
    assert find_networks(trained).origin == str(trained / "data/artifacts/translation/translator.safetensors")
    assert find_networks(tmp_path_factory.mktemp("empty")) == bundled_networks()
    with pytest.raises(ArtifactError, match="no such folder"):
        find_networks(trained / "nothing")


def test_the_bundled_networks_translate(tmp_path: Path) -> None:
    """They fit each other, and move a face towards an exemplar as far as a style may."""
    networks = load_networks(tmp_path)
    space = networks.space
    assert networks.translator.components == space.size
    assert space.classes == ShapeSpaceParams().classes
    person = space.decode(space.normal_mean)
    arts = [space.decode(centroid) for centroid in space.centroids]
    moved = np.stack([translate(networks.translator, space, person, art) for art in arts])
    assert np.isfinite(moved).all() and 0.05 < np.abs(moved - person).max() < 1.0  # widths of a face
    before, after = (np.linalg.norm(faces - np.stack(arts), axis=(1, 2)).mean() for faces in (person[None], moved))
    assert after < 0.9 * before


def test_refreshing_asks_for_the_defaults(trained: Path, tmp_path: Path, monkeypatch) -> None:
    copies = replace(bundled_networks(), space=tmp_path / "new" / "s.h5", translator=tmp_path / "new" / "t.safetensors")
    monkeypatch.setattr(making, "bundled_networks", lambda: copies)
    assert making.refresh(trained) == [copies.space, copies.translator]
    assert copies.translator.read_bytes() == bundled_networks().translator.read_bytes()
    (trained / "params.yaml").write_text("pairs: {}\nseed: 7\n")
    with pytest.raises(ParameterError, match="seed is 7"):
        making.refresh(trained)
    (trained / "params.yaml").write_text("pairs: {}\n")
    trained_networks(trained).translator.write_bytes(b"nothing")
    with pytest.raises(ArtifactError):
        making.refresh(trained)
    assert copies.translator.read_bytes() == bundled_networks().translator.read_bytes()


def test_stylize_takes_the_networks_of_its_project(trained: Path) -> None:
    """Told by what it says of damaged ones; that bundled ones do, the pipeline's tests show."""
    own = trained_networks(trained).translator
    own.write_bytes(b"nothing")
    pair = ["sample:astronaut", "sample:oil_strokes"]
    result = CliRunner().invoke(main, ["stylize", *pair, "-o", str(trained / "out"), "--project", str(trained)])
    assert result.exit_code == 1 and f"{own}: damaged" in result.output and result.output.count("\n") == 1
