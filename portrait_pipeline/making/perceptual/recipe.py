"""Every number of the training."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Schedule and augmentation.

    Epochs, sizes, peak learning rate, one-cycle schedule and label smoothing are those of the bundled weights; the
    other numbers were not recorded with them and are usual for Tiny ImageNet.

    Attributes:
        epochs: passes over the training images.
        sizes: side in pixels of a step's images, one of these drawn for each step.
        batch: images a step.
        learning_rate: of SGD with Nesterov momentum, at the top of its one-cycle schedule.
        warmup: part of the steps in which the learning rate rises.
        start_divisor: the learning rate starts at ``learning_rate / start_divisor``.
        final_divisor: and ends at ``learning_rate / final_divisor``.
        momentum: of SGD.
        weight_decay: of the convolutions and the classifier's matrix; biases and batch norm have none.
        label_smoothing: part of the target that is spread over all classes.
        dropout: part of the classifier's inputs that is dropped.
        smallest_crop: least part of an image's area that a training crop shows.
        aspect: largest ratio of a crop's sides.
        jitter: largest relative change of brightness, contrast and saturation.
        statistics: steps over which batch norm's means and variances are measured at the end.
        seed: of the first weights, order, sizes, crops and jitter.
    """

    epochs: int = 76
    sizes: tuple[int, ...] = (64, 96, 128)
    batch: int = 256
    learning_rate: float = 0.25
    warmup: float = 0.3
    start_divisor: float = 25.0
    final_divisor: float = 1e4
    momentum: float = 0.9
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    dropout: float = 0.2
    smallest_crop: float = 0.35
    aspect: float = 4 / 3
    jitter: float = 0.3
    statistics: int = 100
    seed: int = 0

    def rate(self, step: int, steps: int) -> float:
        """Learning rate of step 0 .. steps - 1: half a cosine up, half a cosine down."""
        rise = max(1.0, self.warmup * steps)
        if step < rise:
            start, end, part = self.learning_rate / self.start_divisor, self.learning_rate, step / rise
        else:
            start, end = self.learning_rate, self.learning_rate / self.final_divisor
            part = (step - rise) / max(1.0, steps - 1 - rise)
        return end + (start - end) * (1 + math.cos(math.pi * min(1.0, part))) / 2
