"""Both stages of the translation network's training (section 4.1, eqs. 1-7)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..params import AutoencoderParams, TranslationParams
from ..progress import Progress, silent
from ..shapes import ShapeSet, ShapeSpace
from . import losses
from .checkpoint import fingerprint, load_state, save_state
from .networks import STYLE_SIZE, ArtBranch, Autoencoder, critic, initialise
from .translator import Translator

CHECKPOINT_EVERY = 10  # epochs
MOMENTS = (0.5, 0.999)
AVERAGE_DECAY = 0.998
CLASSIFIER_EPOCHS_AT_MOST = 15
History = list[dict[str, float]]


@contextmanager
def one_thread() -> Iterator[None]:
    """One CPU thread: layers this small gain nothing from more, and the bits do not depend on the number of
    cores.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class TrainingData:
    """The training samples in memory.

    Attributes:
        normal: (Nx, K), art: (Ny, K) float32 whitened coefficients.
        labels, mirrored_labels: (Ny,) int64 classes of the art faces and of their mirror images.
        parity: (K,) float32 signs that reflect a face.
    """

    normal: Tensor
    art: Tensor
    labels: Tensor
    mirrored_labels: Tensor
    parity: Tensor

    @classmethod
    def of(cls, space: ShapeSpace, shapes: ShapeSet, device: str | torch.device = "cpu") -> TrainingData:
        """The samples of a shape set that are not held out."""
        art = shapes.art[~shapes.art_held_out]
        mirrored = space.classify(art * space.parity)

        def put(values, dtype: torch.dtype) -> Tensor:
            return torch.as_tensor(values, dtype=dtype, device=device)

        return cls(
            put(shapes.normal[~shapes.normal_held_out], torch.float32),
            put(art, torch.float32),
            put(shapes.art_labels[~shapes.art_held_out], torch.int64),
            put(mirrored, torch.int64),
            put(space.parity, torch.float32),
        )

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, for the fingerprint of a checkpoint."""
        return dict(vars(self))

    def flip(self, samples: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Reflect each of (B, K) samples with probability one half: samples and the (B,) bool flags."""
        flags = (torch.rand(len(samples), generator=generator) < 0.5).to(samples.device)
        return torch.where(flags[:, None], samples * self.parity, samples), flags


@one_thread()
def train_autoencoder(
    space: ShapeSpace,
    shapes: ShapeSet,
    params: AutoencoderParams,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Autoencoder, History]:
    """Stage one: E_X and G_X by eq. 1.

    Args:
        space, shapes: from :func:`portrait_pipeline.shapes.build_shape_space`; held-out samples are not used.
        params: schedule and seed.
        progress: called once an epoch with the mean loss.
        checkpoint: file for the training state, read if there, removed at the end.
        device: where to train; on the CPU the result depends on nothing but the data and the parameters.

    Returns:
        the autoencoder and one dict of losses an epoch.

    Raises:
        TrainingError: a loss is not finite; the message names it and the step.
    """
    data = TrainingData.of(space, shapes, device)
    generator = torch.Generator().manual_seed(params.seed)
    model = Autoencoder(space.size)
    initialise(model, generator)
    model.to(device)
    optimizer = _adam(model, params.learning_rate)

    def step(x: Tensor) -> dict[str, Tensor]:
        x, _ = data.flip(x, generator)
        loss = losses.l1(model(x), x)
        _check({"autoencoder": loss})
        _descend(loss, optimizer)
        return {"reconstruction": loss.detach()}

    def epoch() -> Iterator[dict[str, Tensor]]:
        for rows in _batches(len(data.normal), len(data.normal), params.batch_size, generator):
            yield step(data.normal[rows])

    loop = _Loop(
        "autoencoder", {"model": model}, {"adam": optimizer}, generator, params, data, progress, checkpoint
    )
    history = loop.run(epoch)
    return model.eval().requires_grad_(False), history


def train_classifier(
    data: TrainingData, classes: int, params: TranslationParams, generator: torch.Generator
) -> nn.Module:
    """The classifier of eq. 4, trained on real art faces (logits into cross entropy) and then frozen."""
    model = critic(data.art.shape[1], classes)
    initialise(model, generator)
    model.to(data.art.device)
    optimizer = _adam(model, 2 * params.learning_rate, betas=(0.9, 0.999))
    for _ in range(min(params.epochs, CLASSIFIER_EPOCHS_AT_MOST)):
        for rows in _batches(len(data.art), len(data.art), params.batch_size, generator):
            y, flags = data.flip(data.art[rows], generator)
            labels = torch.where(flags, data.mirrored_labels[rows], data.labels[rows])
            loss = losses.classification(model(y), labels)
            _check({"classifier": loss})
            _descend(loss, optimizer)
    return model.eval().requires_grad_(False)


@one_thread()
def train_translation(
    autoencoder: Autoencoder,
    space: ShapeSpace,
    shapes: ShapeSet,
    params: TranslationParams,
    progress: Progress = silent,
    checkpoint: Path | None = None,
    device: str | torch.device = "cpu",
) -> tuple[Translator, History]:
    """Stage two: E_Y^C, E_Y^S, G_Y and D_Y by eqs. 2-7, with E_X and G_X fixed.

    The style code of eqs. 3-6 is the exemplar's own, s_y ~ E_Y^S(l_y); the adversarial term (eq. 3, least
    squares) also sees codes from N(0, I). The classifier is trained first and then frozen. The returned
    weights are an exponential average over the last steps.

    Args, raises: as :func:`train_autoencoder`; ``autoencoder`` is not changed.

    Returns:
        the translator and one dict of losses an epoch.
    """
    data = TrainingData.of(space, shapes, device)
    generator = torch.Generator().manual_seed(params.seed)
    autoencoder = copy.deepcopy(autoencoder).to(device).eval().requires_grad_(False)
    classifier = train_classifier(data, space.classes, params, generator)
    branch, judge = ArtBranch(space.size), critic(space.size, 1)
    initialise(branch, generator)
    initialise(judge, generator)
    branch.to(device)
    judge.to(device)
    average = copy.deepcopy(branch).requires_grad_(False)
    adam, adam_judge = _adam(branch, params.learning_rate), _adam(judge, params.learning_rate)

    def epoch() -> Iterator[dict[str, Tensor]]:
        size = max(len(data.normal), len(data.art))
        normal_rows = _batches(len(data.normal), size, params.batch_size, generator)
        art_rows = _batches(len(data.art), size, params.batch_size, generator)
        for rows_x, rows_y in zip(normal_rows, art_rows, strict=True):
            x, _ = data.flip(data.normal[rows_x], generator)
            y, flags = data.flip(data.art[rows_y], generator)
            labels = torch.where(flags, data.mirrored_labels[rows_y], data.labels[rows_y])
            forward = _forward(autoencoder, branch, x, y, generator)
            judged = _update_judge(judge, adam_judge, forward, y)
            terms = translation_losses(branch, judge, classifier, forward, y, labels)
            _check(terms)
            _descend(weighted_sum(terms, params), adam)
            _follow(average, branch, int(next(iter(adam.state.values()))["step"]))
            yield {name: value.detach() for name, value in terms.items()} | {"discriminator": judged}

    modules = {"branch": branch, "judge": judge, "average": average}
    loop = _Loop(
        "translation",
        modules,
        {"adam": adam, "judge": adam_judge},
        generator,
        params,
        data,
        progress,
        checkpoint,
        extra=autoencoder,
    )
    history = loop.run(epoch)
    translator = Translator(autoencoder.cpu(), average.cpu().eval(), classifier.cpu())
    return translator, history


@dataclass(frozen=True)
class Forward:
    """One pass of stage two: codes and decoded shapes, (B, ...) each."""

    c_x: Tensor
    c_y: Tensor
    mean: Tensor
    log_variance: Tensor
    s_y: Tensor
    y_again: Tensor
    z: Tensor
    z_random: Tensor


def _forward(
    autoencoder: Autoencoder, branch: ArtBranch, x: Tensor, y: Tensor, generator: torch.Generator
) -> Forward:
    with torch.no_grad():
        c_x = autoencoder.encoder(x)
    mean, log_variance = branch.style(y)
    noise = torch.randn(2, len(y), STYLE_SIZE, generator=generator).to(y.device)
    s_y = losses.sample_code(mean, log_variance, noise[0])
    c_y = branch.content(y)
    content = torch.cat((c_y, c_x, c_x))
    y_again, z, z_random = branch.decoder(content, torch.cat((s_y, s_y, noise[1]))).chunk(3)
    return Forward(c_x, c_y, mean, log_variance, s_y, y_again, z, z_random)


def translation_losses(
    branch: ArtBranch, judge: nn.Module, classifier: nn.Module, forward: Forward, y: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    """The six terms of eq. 7 and the content domain term by name, unweighted scalars."""
    c_again = branch.content(forward.z)
    s_again, _ = branch.style(forward.z)
    return {
        "art_reconstruction": losses.l1(forward.y_again, y),
        "content_code": losses.l1(c_again, forward.c_x),
        "style_code": losses.l1(s_again, forward.s_y),
        "kl": losses.kl_divergence(forward.mean, forward.log_variance),
        "adversarial": losses.adversarial(judge(torch.cat((forward.z, forward.z_random)))),
        "class": losses.classification(classifier(forward.z), labels),
        "content_domain": losses.content_domain(forward.c_y, forward.c_x),
    }


def weighted_sum(terms: dict[str, Tensor], params: TranslationParams) -> Tensor:
    """Eq. 7, and the content domain term."""
    return sum(getattr(params, f"weight_{name}") * value for name, value in terms.items())


def _update_judge(judge: nn.Module, optimizer: torch.optim.Optimizer, forward: Forward, y: Tensor) -> Tensor:
    fake = torch.cat((forward.z, forward.z_random)).detach()
    scores = judge(torch.cat((y, fake)))
    loss = losses.discriminator(scores[: len(y)], scores[len(y) :])
    _check({"discriminator": loss})
    _descend(loss, optimizer)
    return loss.detach()


@torch.no_grad()
def _follow(average: nn.Module, module: nn.Module, step: int) -> None:
    """Exponential average of the weights; the first steps count less, so that the start is forgotten."""
    decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1 - decay)


def _adam(module: nn.Module, rate: float, betas: tuple[float, float] = MOMENTS) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=rate, betas=betas, fused=True)


def _descend(loss: Tensor, optimizer: torch.optim.Optimizer) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def _batches(count: int, length: int, size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Row numbers of one epoch: ``length`` draws from ``count`` rows, each row as often as the others up to
    one.
    """
    rounds = -(-length // count)
    order = torch.cat([torch.randperm(count, generator=generator) for _ in range(rounds)])[:length]
    yield from order.split(min(size, length))


def _check(terms: dict[str, Tensor]) -> None:
    for name, value in terms.items():
        if not torch.isfinite(value):
            raise _NotFiniteError(name)


class _NotFiniteError(Exception):
    """Carries the name of the term out of a step to the loop, which knows the step's number."""


class _Loop:
    """Epochs with learning rate decay, progress, checkpoints and the check for numbers that are not
    finite.
    """

    def __init__(
        self, name, modules, optimizers, generator, params, data, progress, checkpoint, extra=None
    ) -> None:
        self.name, self.modules, self.optimizers = name, modules, optimizers
        self.generator, self.params, self.progress, self.checkpoint = generator, params, progress, checkpoint
        tensors = data.tensors() | ({f"extra.{k}": v for k, v in extra.state_dict().items()} if extra else {})
        self.key = fingerprint({"stage": name} | params.model_dump(), tensors) if checkpoint else ""

    def run(self, epoch: Callable[[], Iterator[dict[str, Tensor]]]) -> History:
        done, history = 0, []
        if self.checkpoint:
            done, history = load_state(
                self.checkpoint, self.modules, self.optimizers, self.generator, self.key
            )
        for number in range(done, self.params.epochs):
            self._set_rate(number)
            history.append(self._epoch(epoch, number))
            self.progress(number + 1, self.params.epochs, history[-1])
            last = number + 1 == self.params.epochs
            if self.checkpoint and not last and (number + 1) % CHECKPOINT_EVERY == 0:
                save_state(
                    self.checkpoint,
                    self.modules,
                    self.optimizers,
                    self.generator,
                    number + 1,
                    history,
                    self.key,
                )
        if self.checkpoint:
            self.checkpoint.unlink(missing_ok=True)
        return history

    def _epoch(self, epoch: Callable[[], Iterator[dict[str, Tensor]]], number: int) -> dict[str, float]:
        sums: dict[str, Tensor] = {}
        steps = 0
        try:
            for terms in epoch():
                steps += 1
                for name, value in terms.items():
                    sums[name] = sums.get(name, 0.0) + value
        except _NotFiniteError as error:
            raise TrainingError(
                f"{self.name}: the loss term '{error}' is not a finite number at epoch {number + 1}, "
                f"step {steps + 1}; "
                f"lower {self.name}.learning_rate (now {self.params.learning_rate:g}) or the term's weight"
            ) from None
        return {name: float(value) / steps for name, value in sums.items()}

    def _set_rate(self, number: int) -> None:
        """Constant until ``decay_from`` of the epochs, then linear to a tenth."""
        start = self.params.decay_from * self.params.epochs
        share = 0.0 if number < start else (number - start) / max(self.params.epochs - start, 1)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.params.learning_rate * (1 - 0.9 * share)
