"""Nothing that the default pipeline needs is fetched while it runs."""

from __future__ import annotations

import socket

import pytest

from portrait_pipeline.base.images import load_image
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.perception.detector import locate
from portrait_pipeline.perceptual.perceptual import PerceptualNetwork
from portrait_pipeline.samples.sources import resolve, sample_names


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the network was asked for: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_samples_models_and_weights_are_all_on_disk() -> None:
    names = sample_names()
    everything = (*names.photos, *names.artworks)
    pictures = {name: load_image(resolve(f"sample:{name}").path, max_side=400) for name in everything}
    assert len(pictures) >= 8
    assert locate(resolve("sample:hopper").path, pictures["hopper"]).points.shape == (68, 2)
    assert len(load_bundled_model().mean) > 10_000
    PerceptualNetwork("bundled")
