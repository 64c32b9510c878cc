"""The network that reads faces: one crop in; 68 points with their errors, 14 parts and a face score out.

An encoder in five steps down to 1/32 of the crop feeds two readings of the points: the local one (a heat map a point
and its mean) sees edges, the coarse one (a linear head on the deepest features) knows shapes. A small network weighs
the one against the other, point by point, and says how far it may be off. The parts come from a finer decoder.

Crop coordinates run from -1 to 1, edge to edge, in x and y.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..head.points import COUNT
from .parts import Part

HEAT_SIZE = 48
"""Side of a heat map, cells."""
PARTS_SIZE = 96
"""Side of the map of parts, cells."""
WIDTHS = (32, 64, 128, 176, 224)
BLOCKS = (1, 2, 2, 2, 1)
WINDOW = 6
"""Side of the deepest feature map of one crop, cells of 32 pixels."""

_MEAN, _DEVIATION = 0.45, 0.27  # of the input's values
_POOLED = 3  # the deepest features are averaged to 3 x 3 before the coarse head
_EVIDENCE = 6  # numbers a point that the weighing network sees
_REACH = 0.3  # largest usual move of a point by the weighing network, in standard deviations of the shape
_LOG_BIAS, _LOG_RANGE = -3.5, (-7.0, 1.0)


class Answer(NamedTuple):
    """What the network says about a batch of B crops."""

    points: torch.Tensor
    """(B, 68, 2) crop coordinates."""
    coarse: torch.Tensor
    """(B, 68, 2) crop coordinates of the coarse head alone."""
    local: torch.Tensor
    """(B, 68, 2) crop coordinates of the heat maps alone."""
    heat: torch.Tensor
    """(B, 68, 48, 48) logits of the heat maps."""
    log_errors: torch.Tensor
    """(B, 68) natural logarithm of the expected error as a share of the face's half size."""
    parts: torch.Tensor | None
    """(B, 14, 96, 96) logits of the parts; None if they were not asked for."""
    face: torch.Tensor
    """(B,) face score, a logit."""


def _convolution(before: int, after: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


# The short attribute names below are keys of the weights' file.
class _Block(nn.Module):
    """Two convolutions around which the input is added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.a = _convolution(width, width)
        self.b = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.n = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.n(self.b(self.a(x))), inplace=True)


class _Up(nn.Module):
    """Features at twice the resolution, joined with those of the encoder."""

    def __init__(self, before: int, skip: int, after: int) -> None:
        super().__init__()
        self.a = _convolution(before, after, 1)
        self.s = _convolution(skip, after, 1)
        self.block = _Block(after)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        larger = functional.interpolate(self.a(x), scale_factor=2, mode="bilinear", align_corners=False)
        return self.block(larger + self.s(skip))


class Network(nn.Module):
    """See the module's text.

    Args:
        widths: channels at 1/2, 1/4, ... 1/32 of the crop.
        blocks: residual blocks at each of these.
        mean: (68, 2) mean shape in crop coordinates, the coarse head's starting point; needed for training only.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = BLOCKS,
        mean: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        self.widths, self.blocks = tuple(widths), tuple(blocks)
        first, second, third, fourth, deepest = self.widths
        fine = second + 32
        self.stem = self._step(3, first, self.blocks[0])
        self.down = nn.ModuleList(
            self._step(before, after, count)
            for before, after, count in zip(self.widths[:-1], self.widths[1:], self.blocks[1:], strict=True)
        )
        self.up = nn.ModuleList([_Up(deepest, fourth, fourth), _Up(fourth, third, third), _Up(third, second, fine)])
        self.heat = nn.Sequential(_Block(fine), nn.Conv2d(fine, COUNT, 1))
        self.parse_up = _Up(fine, first, 48)
        self.parse = nn.Conv2d(48, len(Part), 1)
        self.shape = nn.Sequential(
            nn.Linear(deepest * _POOLED**2, 192), nn.ReLU(inplace=True), nn.Linear(192, COUNT * 2 + 1)
        )
        self.refine = nn.Sequential(
            nn.Linear(COUNT * _EVIDENCE, 384),
            nn.ReLU(inplace=True),
            nn.Linear(384, 384),
            nn.ReLU(inplace=True),
            nn.Linear(384, COUNT * 4),
        )
        self.register_buffer("mean", torch.zeros(COUNT, 2) if mean is None else mean.clone().float())
        self.register_buffer("grid", (torch.arange(HEAT_SIZE) + 0.5) * 2 / HEAT_SIZE - 1)

    @staticmethod
    def _step(before: int, after: int, blocks: int) -> nn.Sequential:
        return nn.Sequential(_convolution(before, after, 3, 2), *(_Block(after) for _ in range(blocks)))

    def forward(self, x: torch.Tensor, parts: bool = True) -> Answer:
        """Read crops.

        Args:
            x: (B, 3, 192, 192) RGB in [0, 1].
            parts: whether the parts are wanted; without them a sixth of the time is saved.
        """
        features, y = self._decode(x)
        heat = self.heat(y)
        logits = self.parse(self.parse_up(y, features[0])) if parts else None
        # Sums over 2 304 cells and logarithms need more than half precision, where that is switched on.
        with torch.autocast(x.device.type, enabled=False):
            coarse, face = self._coarse(features[4])
            local, spread, peak = self._local(heat.float())
            points, log_errors = self._weigh(local, coarse, spread, peak)
        return Answer(points, coarse, local, heat, log_errors, logits, face)

    def parse_alone(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of the parts (B, 14, 96, 96) without the points: an eighth less work than both.

        Args:
            x: (B, 3, 192, 192) RGB in [0, 1].
        """
        features, y = self._decode(x)
        return self.parse(self.parse_up(y, features[0]))

    def glance(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Coarse points and face score alone, from the encoder: less than half of the work.

        Args:
            x: (B, 3, 192, 192) RGB in [0, 1].

        Returns:
            (B, 68, 2) crop coordinates, (B,) face score.
        """
        return self._coarse(self._encode(x)[4])

    def survey(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Glances at all crops of a larger picture at once, 32 pixels apart in both directions.

        Crops inside see their surroundings where a crop cut out sees zero padding, so the answers differ a little.

        Args:
            x: (1, 3, H, W) RGB in [0, 1]; H and W are multiples of 32 and at least 192.

        Returns:
            (R, C, 68, 2) coordinates of the crop that begins at row 32 r and column 32 c, and (R, C) face scores.
        """
        deepest = self._encode(x)[4]
        rows, columns = deepest.shape[2] - WINDOW + 1, deepest.shape[3] - WINDOW + 1
        averaged = functional.avg_pool2d(deepest.float(), WINDOW // _POOLED, stride=1)
        windows = functional.unfold(averaged, _POOLED, dilation=WINDOW // _POOLED)[0].T
        answer = self.shape(windows)
        coarse = self.mean + answer[:, :-1].reshape(rows, columns, COUNT, 2)
        return coarse, answer[:, -1].reshape(rows, columns)

    def _decode(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Features of all steps, and those at a quarter of the crop with all that is coarser in them."""
        features = self._encode(x)
        y = self.up[0](features[4], features[3])
        y = self.up[1](y, features[2])
        return features, self.up[2](y, features[1])

    def _encode(self, x: torch.Tensor) -> list[torch.Tensor]:
        features = [self.stem(((x - _MEAN) / _DEVIATION).to(self.stem[0][0].weight.dtype))]
        for step in self.down:
            features.append(step(features[-1]))
        return features

    def _coarse(self, deepest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = self.shape(functional.adaptive_avg_pool2d(deepest.float(), _POOLED).flatten(1))
        return self.mean + answer[:, :-1].reshape(-1, COUNT, 2), answer[:, -1]

    def _local(self, heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Mean, log spread and log peak of each heat map: (B, 68, 2), (B, 68, 1), (B, 68, 1)."""
        share = heat.flatten(2).softmax(dim=-1).reshape(heat.shape)
        over_x, over_y = share.sum(dim=2), share.sum(dim=3)
        local = torch.stack([(over_x * self.grid).sum(dim=-1), (over_y * self.grid).sum(dim=-1)], dim=-1)
        from_x, from_y = self.grid - local[..., :1], self.grid - local[..., 1:]
        variance = (over_x * from_x**2).sum(dim=-1) + (over_y * from_y**2).sum(dim=-1)
        spread = (variance + 1e-4).log()[..., None] / 2
        peak = share.flatten(2).amax(dim=-1)[..., None].clamp_min(1e-4).log()
        return local, spread, peak

    def _weigh(
        self, local: torch.Tensor, coarse: torch.Tensor, spread: torch.Tensor, peak: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        middle = coarse.mean(dim=1, keepdim=True)
        scale = coarse.std(dim=(1, 2), keepdim=True).clamp_min(0.05)
        evidence = torch.cat([(local - middle) / scale, (coarse - middle) / scale, spread, peak], dim=-1)
        answer = self.refine(evidence.flatten(1)).reshape(-1, COUNT, 4)
        trust = torch.sigmoid(answer[..., 2:3] - 1.5 * (spread + 2))
        points = trust * local + (1 - trust) * coarse + _REACH * answer[..., :2] * scale
        return points, (answer[..., 3] + _LOG_BIAS).clamp(*_LOG_RANGE)


def fused(network: Network) -> Network:
    """A copy for inference: batch norms folded into their convolutions, channels last in memory.

    A tenth faster on a CPU; the answers differ by rounding only.
    """
    network = copy.deepcopy(network).eval()
    _fold(network)
    return network.to(memory_format=torch.channels_last)


def reduced(network: Network) -> Network:
    """A copy whose convolutions compute in bfloat16: three times as fast on CPUs that have such numbers.

    On two clips the points differ by .0003 of the outer eye distance, a tenth of what another crop changes.
    """
    network = copy.deepcopy(network)
    for part in (network.stem, network.down, network.up, network.heat, network.parse_up, network.parse):
        part.to(torch.bfloat16)
    return network


def _fold(module: nn.Module) -> None:
    for child in module.children():
        _fold(child)
    if isinstance(module, nn.Sequential):
        for index in range(len(module) - 1):
            if isinstance(module[index], nn.Conv2d) and isinstance(module[index + 1], nn.BatchNorm2d):
                module[index] = fuse_conv_bn_eval(module[index], module[index + 1])
                module[index + 1] = nn.Identity()
    if isinstance(module, _Block):
        module.b = fuse_conv_bn_eval(module.b, module.n)
        module.n = nn.Identity()
