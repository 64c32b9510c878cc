"""Geometry and texture together, as Neural 3D Mesh Renderer does it: to show why the paper fixes the geometry.

The same loop and losses, but their gradient moves the vertices too. Strokes are then bought with dents: the result is a
worse head, not a better painting. A stiffness keeps it finite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ...base.device import Hardware
from ...base.progress import Progress, silent
from ...mesh.laplacian import graph_laplacian
from ...perceptual.perceptual import PerceptualNetwork
from ...report.recording import Recorder
from ...texture.optimisation_step import Optimisation
from ...texture.optimise import TextureRun
from ...texture.params import TextureParams
from ...texture.result import Stylisation, run_method
from ...texture.scale import Scale
from ...texture.schedule import Level
from ...texture.subject import Subject
from .moving_views import MovingViews

_RATE = 0.02  # cm a step, of Adam
_STIFFNESS = 3e-4  # weight of sum_i |(L d)_i|^2, d the displacement in cm and L the graph Laplacian
_SUPERSAMPLE = 2


class Geometry:
    """The vertices while they are optimised: Adam on the picture's gradient and a Laplacian regulariser.

    Attributes:
        vertices: (V, 3) float32 head space, cm, requires gradients.
    """

    def __init__(self, vertices: np.ndarray, triangles: np.ndarray, device: torch.device) -> None:
        self._rest = torch.tensor(np.asarray(vertices, np.float32), device=device)
        self.vertices = self._rest.clone().requires_grad_()
        laplacian = graph_laplacian(triangles, len(vertices))
        self._stiffness = (2 * _STIFFNESS * (laplacian.T @ laplacian)).tocsr()
        self._optimiser = torch.optim.Adam([self.vertices], _RATE)

    def step(self) -> None:
        """One update from the gradient that has gathered, which is then dropped."""
        if self.vertices.grad is None:
            return
        moved = (self.vertices - self._rest).detach().cpu().numpy()
        self.vertices.grad += torch.as_tensor(self._stiffness @ moved, dtype=torch.float32, device=self._rest.device)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)


class JointOptimisation(Optimisation):
    """Steps that also move the vertices."""

    def __init__(
        self,
        scale: Scale,
        textures: Sequence[torch.Tensor],
        network: PerceptualNetwork,
        geometry: Geometry,
    ) -> None:
        super().__init__(scale, textures, network)
        self._geometry = geometry

    def step(self, kind: int = 0) -> None:
        super().step(kind)
        self._geometry.step()


class JointWork(TextureRun):
    """Scales whose steps move the vertices too. Content, samples and silhouettes remain those of the first geometry."""

    kind = JointOptimisation

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        mesh = self.scenes[0].subject.mesh
        self.geometry = Geometry(mesh.vertices, mesh.triangles, self.device)

    def _scale(self, level: Level, textures: list[torch.Tensor], progress: Progress, total: int) -> list[torch.Tensor]:
        recorder = Recorder(self.renderer)
        scale = self._built(level, recorder)
        self._watch(level, scale)
        if level.iterations == 0:
            return textures
        head, seen = self.scenes[0], scale.sets[0].views
        views = MovingViews(
            head.subject.mesh,
            self.geometry.vertices,
            recorder.shots,
            _SUPERSAMPLE,
            seen.surface,
            head.style_mean,
            seen.texture_sizes,
        )
        scale = replace(scale, sets=[replace(scale.sets[0], views=views)])
        optimisation = self.kind(scale, textures, self.network, self.geometry)
        for step in range(level.iterations):
            optimisation.step()
            self._record(optimisation.history[: step + 1], level, progress, total)
        return optimisation.textures


def joint(
    subject: Subject,
    params: TextureParams,
    progress: Progress = silent,
    *,
    seed: int = 0,
    hardware: Hardware | None = None,
) -> Stylisation:
    """Texture and vertices; ``Stylisation.vertices`` are the moved ones, see :mod:`.moving_views`."""
    return with_vertices(JointWork, subject, params, progress, seed, hardware)


def with_vertices(
    kind: type[JointWork],
    subject: Subject,
    params: TextureParams,
    progress: Progress,
    seed: int,
    hardware: Hardware | None,
) -> Stylisation:
    """A run that moves vertices, with these."""
    made: list[JointWork] = []

    def work(*arguments) -> JointWork:
        made.append(kind(*arguments))
        return made[-1]

    result = run_method(subject, params, progress, work, seed=seed, hardware=hardware)
    if not made:
        return result
    vertices = made[0].geometry.vertices.detach().cpu().numpy()
    return replace(result, vertices=vertices.astype(np.asarray(subject.mesh.vertices).dtype))
