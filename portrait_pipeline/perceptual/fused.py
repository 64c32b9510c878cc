"""Hypercolumns on a GPU as one differentiable operation: the network, the reading of its maps, and both gradients.

In plain PyTorch some two hundred small kernels a step do nothing but read maps, add up the gradients of a map's two
readers and clear buffers; they, not the convolutions, would set the pace of the coarse scales. Here a map is read by
one Triton kernel, and on the way back the readers' gradient is added straight into the one that flows through the
network. ``hypercolumns`` is None where Triton is missing; it comes with PyTorch for CUDA. It needs a C compiler, and
a card that adds up bfloat16: :func:`prepare` finds out.
"""

from __future__ import annotations

import subprocess
import warnings
from collections.abc import Callable
from functools import lru_cache

import torch

from .hypercolumns import Taps, find_taps
from .layers import CONVOLUTIONS, DEVIATION, MEAN, POOLS, TAPS

try:
    import triton
    import triton.language as tl
except ImportError:
    hypercolumns = None
else:
    _CROWDED = 2**15  # pixels; in smaller maps many samples meet, and float32 adds up faster there than bfloat16
    _VARYING = ["number", "pixels", "slot", "slots", "channels", "offset", "depth"]  # one compilation for all maps

    @triton.jit(do_not_specialize=_VARYING)
    def _read_kernel(
        rows, index, weight, columns, number, pixels, slot, slots, channels, offset, depth, BLOCK: tl.constexpr
    ):
        sample, block = tl.program_id(0), tl.program_id(1)
        start = (sample // number).to(tl.int64) * pixels
        channel = block * BLOCK + tl.arange(0, BLOCK)
        inside = channel < channels
        value = tl.zeros((BLOCK,), tl.float32)
        at = (sample * slots + slot) * 4
        for tap in tl.static_range(4):
            row = start + tl.load(index + at + tap)
            read = tl.load(rows + row * channels + channel, mask=inside, other=0.0).to(tl.float32)
            value += tl.load(weight + at + tap) * read
        tl.store(columns + sample.to(tl.int64) * depth + offset + channel, value, mask=inside)

    @triton.jit(do_not_specialize=_VARYING)
    def _add_kernel(
        rows, index, weight, columns, number, pixels, slot, slots, channels, offset, depth, BLOCK: tl.constexpr
    ):
        sample, block = tl.program_id(0), tl.program_id(1)
        start = (sample // number).to(tl.int64) * pixels
        channel = block * BLOCK + tl.arange(0, BLOCK)
        inside = channel < channels
        value = tl.load(columns + sample.to(tl.int64) * depth + offset + channel, mask=inside, other=0.0)
        at = (sample * slots + slot) * 4
        for tap in tl.static_range(4):
            row = start + tl.load(index + at + tap)
            part = (tl.load(weight + at + tap) * value).to(rows.dtype.element_ty)
            tl.atomic_add(rows + row * channels + channel, part, mask=inside)

    def _launch(kernel, feature: torch.Tensor, columns: torch.Tensor, taps: Taps, offset: int) -> None:
        """Between a channels-last map (B, C, h, w) and its part of the columns (B, n, D)."""
        count, channels, height, width = feature.shape
        number = taps.index.shape[1]
        block = min(triton.next_power_of_2(channels), 256)
        kernel[(count * number, triton.cdiv(channels, block))](
            feature,
            taps.index,
            taps.weight,
            columns,
            number,
            height * width,
            taps.sizes.index((height, width)),
            len(taps.sizes),
            channels,
            offset,
            columns.shape[2],
            BLOCK=block,
        )

    def _add_readers(gradient: torch.Tensor, columns: torch.Tensor, taps: Taps, offset: int) -> None:
        """Add the columns' gradient into a map's gradient, in place."""
        if gradient.dtype == torch.float32 or gradient.shape[2] * gradient.shape[3] > _CROWDED:
            _launch(_add_kernel, gradient, columns, taps, offset)
            return
        exact = torch.zeros_like(gradient, dtype=torch.float32)
        _launch(_add_kernel, exact, columns, taps, offset)
        gradient.add_(exact)

    def _plain(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv2d(x, weight, bias, padding=1).relu_()

    def _with_cudnn(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return torch.cudnn_convolution_relu(x, weight, bias, (1, 1), (1, 1), (1, 1), 1)

    def choose_convolution(layers: dict, device: torch.device) -> Callable[..., torch.Tensor]:
        """Convolution, bias and ReLU in one kernel where cuDNN offers that for the layers' type."""
        weight, bias = layers[CONVOLUTIONS[1]]
        probe = torch.rand(1, weight.shape[1], 16, 16, device=device).to(weight.dtype)
        probe = probe.contiguous(memory_format=torch.channels_last)
        try:
            same = torch.allclose(_with_cudnn(probe, weight, bias), _plain(probe, weight, bias), rtol=0.05, atol=0.05)
        except RuntimeError:
            return _plain
        return _with_cudnn if same else _plain

    class _Hypercolumns(torch.autograd.Function):
        @staticmethod
        def forward(ctx, image: torch.Tensor, taps: Taps, layers: dict, convolve: Callable) -> torch.Tensor:
            mean, deviation = _statistics(image.device)
            x = ((image - mean) / deviation).to(layers[0][0].dtype)
            x = x.contiguous(memory_format=torch.channels_last)
            depth = image.shape[1] + sum(layers[tap - 1][0].shape[0] for tap in TAPS)
            columns = torch.empty(*taps.index.shape[:2], depth, device=image.device)
            _launch(_read_kernel, image.contiguous(memory_format=torch.channels_last), columns, taps, 0)
            offset, kept = image.shape[1], []
            for index in range(TAPS[-1]):
                if index in CONVOLUTIONS:
                    kept.append((index, x))
                    x = convolve(x, *layers[index])
                elif index in POOLS:
                    small, where = torch.ops.aten.max_pool2d_with_indices(x, [2, 2], [2, 2])
                    kept.append((index, (x, where)))
                    x = small
                if index + 1 in TAPS:  # a tap is the ReLU after a convolution
                    _launch(_read_kernel, x, columns, taps, offset)
                    offset += x.shape[1]
            ctx.taps, ctx.layers, ctx.kept, ctx.last = taps, layers, kept, x
            return columns

        @staticmethod
        def backward(ctx, columns: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
            columns, taps, output = columns.contiguous(), ctx.taps, ctx.last
            offset, gradient = columns.shape[2], torch.zeros_like(output)
            for index, before in reversed(ctx.kept):
                if index in POOLS:
                    x, where = before
                    gradient = torch.ops.aten.max_pool2d_with_indices_backward(
                        gradient, x, [2, 2], [2, 2], [0, 0], [1, 1], False, where
                    )
                    output = x
                    continue
                if index + 1 in TAPS:
                    offset -= output.shape[1]
                    _add_readers(gradient, columns, taps, offset)
                gradient = torch.ops.aten.threshold_backward(gradient, output, 0)
                gradient = torch.ops.aten.convolution_backward(
                    gradient,
                    before,
                    ctx.layers[index][0],
                    None,
                    [1, 1],
                    [1, 1],
                    [1, 1],
                    False,
                    [0, 0],
                    1,
                    [True, False, False],
                )[0]
                output = before
            gradient = (gradient.float() / _statistics(columns.device)[1]).contiguous(memory_format=torch.channels_last)
            _launch(_add_kernel, gradient, columns, taps, 0)
            ctx.kept = None
            return gradient, None, None, None

    @lru_cache(maxsize=4)  # copied to the device once: copies from the host cannot be part of a CUDA graph
    def _statistics(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of the input."""
        mean, deviation = (torch.tensor(part, device=device).view(1, 3, 1, 1) for part in (MEAN, DEVIATION))
        return mean, deviation

    def hypercolumns(image: torch.Tensor, taps: Taps, layers: dict, convolve: Callable) -> torch.Tensor:
        """(B, n, D) float32 hypercolumns of images (B, 3, H, W); gradients add up in no fixed order.

        Args:
            layers: weight and bias of each convolution by its index, channels-last. convolve: of
                :func:`choose_convolution`.
        """
        exact = Taps(taps.index.contiguous(), taps.weight.contiguous(), taps.sizes)
        return _Hypercolumns.apply(image, exact, layers, convolve)

    def prepare(layers: dict, device: torch.device) -> Callable[..., torch.Tensor] | None:
        """The convolution for :func:`hypercolumns`, or None, with a warning, where its kernels do not run."""
        convolve = choose_convolution(layers, device)
        side = 256  # large enough for sums in bfloat16
        image = torch.rand(1, 3, side, side, device=device, requires_grad=True)
        taps = find_taps(torch.rand(1, 8, 2, device=device), [(side >> level,) * 2 for level in range(5)])
        try:
            hypercolumns(image, taps, layers, convolve).sum().backward()
            torch.cuda.synchronize(device)
        except (RuntimeError, OSError, subprocess.SubprocessError, triton.TritonError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            warnings.warn(f"Triton's kernels do not run here ({reason}); the slower plain ones are used", stacklevel=2)
            return None
        return convolve
