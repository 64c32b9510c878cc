"""Sampling, schedule, views, what is compared with what, and the whole optimisation at tiny settings."""

from __future__ import annotations

import gc
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from ball import smooth_texture
from shown import subject_of

from portrait_pipeline.base.device import Hardware
from portrait_pipeline.base.errors import (
    LandmarkError,
    MissingDependencyError,
    OutOfMemory,
    ParameterError,
    TrainingError,
)
from portrait_pipeline.base.params import validate
from portrait_pipeline.mesh.render import View
from portrait_pipeline.perceptual.hypercolumns import Taps
from portrait_pipeline.perceptual.perceptual import PerceptualNetwork
from portrait_pipeline.regions.head import landmarks_in_layout
from portrait_pipeline.regions.labels import (
    BACKGROUND,
    CLOTHES,
    EYES,
    HAIR,
    LIPS,
    OUTER,
    SKIN,
    SURROUNDINGS,
    TEETH,
    portrait_mask,
)
from portrait_pipeline.report.view_losses import ViewLosses
from portrait_pipeline.texture import optimise
from portrait_pipeline.texture import schedule as schedules
from portrait_pipeline.texture.even_light import even_light, soften_relief
from portrait_pipeline.texture.groups import style_groups
from portrait_pipeline.texture.memory import advice, memory_advice
from portrait_pipeline.texture.optimisation_step import Optimisation
from portrait_pipeline.texture.optimise import stylise, stylise_together
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.texture.rendering.choice import choose_renderer
from portrait_pipeline.texture.sampling import HEAD_SHARES, Samples, draw_pixels, inner, pixel_points
from portrait_pipeline.texture.scale import build_scale
from portrait_pipeline.texture.schedule import schedule
from portrait_pipeline.texture.shots import Directions
from portrait_pipeline.texture.subject import Subject, prepare
from portrait_pipeline.texture.views import draw_views, surround_views

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread", "few_samples")


@pytest.fixture
def few_samples(monkeypatch) -> None:
    monkeypatch.setenv("PORTRAIT_DEVICE", "cpu")
    monkeypatch.setattr(optimise, "CPU_WINDOW", 32)
    monkeypatch.setattr(schedules, "STYLE_POINTS", 128)


def tiny(**changes) -> TextureParams:
    few = {"scales": [32, 48], "iterations": [3, 2], "views": 2, "surround": 1, "points": 64}
    return TextureParams(**(few | changes))


def small(**changes) -> TextureParams:
    """One scale, enough to move."""
    return tiny(**({"scales": [32], "iterations": [24], "points": 128} | changes))


def picture(model, seed: int, colour: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """A blotchy artwork of one colour, and the points of a face in it."""
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    grain = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (160, 160, 3)), (0, 0), 2) * 160
    art = smooth_texture(160, seed=seed) * 0.4 + colour + grain
    return np.clip(art, 0, 255).astype(np.uint8), (frontal - frontal.mean(axis=0)) * 6 + [80, 90]


@pytest.fixture(scope="module")
def subject(model) -> Subject:
    return subject_of(model, model.mean, smooth_texture(64, seed=2), *picture(model, 9, [140, 60, 10]))


@pytest.fixture(scope="module")
def other(model) -> Subject:
    return subject_of(model, model.mean, smooth_texture(64, seed=5), *picture(model, 4, [10, 50, 140]))


def with_head(subject: Subject, **changes) -> Subject:
    return replace(subject, parts=(replace(subject.parts[0], **changes), *subject.parts[1:]))


# -- sampling ------------------------------------------------------------------------------------------------------


def masks() -> tuple[torch.Tensor, torch.Tensor]:
    mask = torch.zeros(2, 40, 56, dtype=torch.bool)
    mask[0, 5:30, 10:50], mask[1, 20:, :30] = True, True
    labels = torch.zeros(2, 40, 56, dtype=torch.uint8)
    labels[0, 10:13, 20:24], labels[0, 20:22, 30:35], labels[1, 22:24, 3:7] = EYES, LIPS, HAIR
    return mask, labels


@pytest.mark.parametrize("shares", [{}, HEAD_SHARES])
def test_samples_never_leave_the_mask(shares):
    mask, labels = masks()
    generator = torch.Generator().manual_seed(0)
    index = draw_pixels(mask, labels, 4000, generator, shares)
    points = pixel_points(index, (40, 56), generator)
    assert index.shape == (2, 4000) and mask.flatten(1).gather(1, index).all()
    rows, columns = (points[..., 1] * 40).long(), (points[..., 0] * 56).long()
    assert torch.equal(rows * 56 + columns, index), "jitter stays inside the pixel"
    assert (points[..., 0] * 56 - columns).std() > 0.2
    drawn = labels.flatten(1).gather(1, index)
    part = {label: (drawn == label).float().mean(1) for label in (EYES, LIPS, HAIR)}
    if shares:
        assert part[EYES][0] == pytest.approx(0.10, abs=0.03) and part[LIPS][0] == pytest.approx(0.06, abs=0.03)
        assert part[HAIR][1] == pytest.approx(0.15, abs=0.03)
    else:
        assert part[EYES][0] < 0.04 and part[LIPS][0] < 0.04 and part[HAIR][1] < 0.04
    again = draw_pixels(mask, labels, 4000, torch.Generator().manual_seed(0), shares)
    assert torch.equal(index, again)


def test_shares_are_a_least_share():
    labels = torch.full((1, 10, 10), EYES, dtype=torch.uint8)
    labels[0, :2] = SKIN
    mask = torch.ones(1, 10, 10, dtype=torch.bool)
    index = draw_pixels(mask, labels, 5000, torch.Generator().manual_seed(1), HEAD_SHARES)
    assert (labels.flatten()[index] == EYES).float().mean() == pytest.approx(0.8, abs=0.03)


def test_inner_masks_keep_off_outlines_but_not_off_the_image_border():
    mask = torch.zeros(3, 20, 20, dtype=torch.bool)
    mask[0, :, :10], mask[1, 4, 4] = True, True
    smaller = inner(mask, 2)
    assert smaller[0, :, :8].all() and not smaller[0, :, 8:].any()
    assert torch.equal(smaller[1], mask[1]), "nothing would be left"
    assert smaller[2].all(), "somewhere a sample must lie"
    assert torch.equal(inner(mask, 0)[:2], mask[:2])


# -- schedule and views --------------------------------------------------------------------------------------------


def test_schedule_halves_the_content_weight_and_scales_it_with_beta():
    params = TextureParams(scales=[64, 128, 256, 512], iterations=[1, 1, 1, 1], beta=0.5)
    levels = schedule(params, [512, 1024], 256)
    assert [level.content_weight for level in levels] == pytest.approx([2.4, 1.2, 0.6, 0.3])
    assert [level.texture_sizes for level in levels] == [(128, 256), (256, 512), (512, 1024), (512, 1024)]
    assert [level.window for level in levels] == [64, 128, 256, 256]
    assert levels[-1].learning_rate == pytest.approx(levels[0].learning_rate / 2)
    assert all(level.points <= min(params.points, max(16, level.window**2)) for level in levels)


def test_views_are_seeded_within_range_and_spread():
    views = draw_views(24, 30.0, 20.0, np.random.default_rng(5))
    assert views == draw_views(24, 30.0, 20.0, np.random.default_rng(5))
    azimuth = np.sort([view.azimuth for view in views])
    assert np.abs(azimuth).max() <= 30 and max(abs(view.elevation) for view in views) <= 20
    assert np.diff(azimuth).max() < 6
    around = [view.azimuth for view in surround_views(8, 30.0, 20.0, np.random.default_rng(5))]
    assert all(abs(a) >= 30 for a in around) and max(around) > 120 and min(around) < -120


# -- what is compared with what ------------------------------------------------------------------------------------

HEAD = torch.tensor([[SKIN, EYES, LIPS, HAIR, OUTER, TEETH, CLOTHES]], dtype=torch.uint8)
FACE, HAIRY, WORN, REST, WORN_BEHIND = range(5)


def groups_of(style: list[int], front: bool = True) -> tuple[list[list[int]], list[list[int]]]:
    """Numbers of the head's and the artwork's samples in each of the five groups."""
    ours, theirs, two_way = style_groups(HEAD, torch.tensor([style], dtype=torch.uint8), torch.tensor([front]))
    assert two_way == WORN + 1
    return [[row.nonzero()[:, 0].tolist() for row in part[0]] for part in (ours, theirs)]


def test_hair_is_compared_with_hair_and_clothes_with_clothes():
    ours, theirs = groups_of([SKIN, EYES, LIPS, HAIR, TEETH, CLOTHES])
    assert ours == [[0, 1, 2, 4, 5], [3], [6], [], []], "neck and ears belong to the face seen from the front"
    assert theirs == [[0, 1, 2, 4], [3], [5], [0], [5]]


def test_what_has_no_example_takes_the_skins_strokes_one_way():
    ours, theirs = groups_of([SKIN, EYES, LIPS, TEETH])
    assert ours[HAIRY] == ours[WORN] == theirs[HAIRY] == theirs[WORN] == []
    assert ours[REST] == [3, 6] and theirs[REST] == [0]


def test_teeth_without_an_example_take_no_part():
    ours, _ = groups_of([SKIN, EYES, LIPS, HAIR])
    assert ours == [[0, 1, 2, 4], [3], [], [6], []]


def test_from_behind_nothing_has_to_show_the_whole_face_or_a_collar():
    ours, theirs = groups_of([SKIN, EYES, LIPS, HAIR, TEETH, CLOTHES], front=False)
    assert ours == [[], [3], [], [0, 1, 2, 4, 5], [6]]
    assert theirs[WORN_BEHIND] == [5]


def test_groups_of_several_heads_follow_their_own_artworks():
    region, style = HEAD.expand(4, -1), torch.tensor([[SKIN, HAIR], [SKIN, EYES]], dtype=torch.uint8)
    ours, theirs, _ = style_groups(region, style, torch.tensor([True, False, True, False]))
    assert ours[:, HAIRY].sum(1).tolist() == [1, 1, 0, 0] and theirs[:, HAIRY].sum(1).tolist() == [1, 0]
    assert ours[:, FACE].sum(1).tolist() == [4, 0, 4, 0]
    assert (ours.sum(1) <= 1).all(), "a sample is in one group at most"


def test_surroundings_are_compared_both_ways_where_the_artwork_shows_some_and_with_all_of_it_where_not():
    region, front = torch.tensor([[SKIN, SURROUNDINGS]], dtype=torch.uint8), torch.tensor([True])
    for style, group, both in (([SKIN, HAIR, SURROUNDINGS], 3, [2]), ([SKIN, HAIR, CLOTHES], 6, [0, 1, 2])):
        ours, theirs, two_way = style_groups(region, torch.tensor([style], dtype=torch.uint8), front)
        assert two_way == 4 and ours[0, :, 1].nonzero().tolist() == [[group]] and ours[0, FACE].tolist() == [1, 0]
        assert theirs[0, group].nonzero()[:, 0].tolist() == both and theirs[0, FACE, 2] == 0


# -- one step ------------------------------------------------------------------------------------------------------


def test_losses_of_a_batch_are_those_of_its_heads(subject, other):
    params = tiny()
    level = replace(schedule(params, [64], 32)[0], views_per_step=2)
    heads = [prepare(part, params.elevation, CPU) for part in (subject, other)]
    front, surround = [View(-20, 5), View(15, 0)], [View(150, 0)]
    network = PerceptualNetwork("bundled", CPU, torch.float32)
    scale = build_scale(
        level,
        heads,
        Directions(front, surround),
        network,
        choose_renderer("cpu", CPU),
        torch.Generator().manual_seed(0),
        np.random.default_rng(0),
    )
    texture = torch.tensor(np.random.default_rng(1).random((2, 3, 64, 64)), dtype=torch.float32, requires_grad=True)
    pick, channels = scale.plans[0].picks[0], scale.plans[0].channels[0]
    together = Optimisation(scale, [texture.detach()], network)
    together._search = None  # near ties fall differently in bfloat16
    terms = together.losses([texture], torch.tensor([[1, 2], [3, 5]]), pick, channels)
    terms[:, 0].sum().backward()
    for number in range(2):
        own = texture[number : number + 1].detach().requires_grad_()
        alone = Optimisation(one_head(scale, number, 3), [own.detach()], network)
        alone._search = None
        single = alone.losses([own], torch.tensor([[[1, 2], [0, 2]][number]]), pick, channels)
        assert torch.allclose(single[0], terms[number], atol=1e-5)
        single[0, 0].backward()
        assert torch.allclose(own.grad[0], texture.grad[number], atol=1e-4 * texture.grad.abs().max().item())


def one_head(scale, number: int, each: int):
    views, one = slice(number * each, (number + 1) * each), slice(number, number + 1)
    (seen,) = scale.sets
    surface = type(seen.views.surface)(
        *(getattr(seen.views.surface, name)[views] for name in ("coverage", "part", "uv", "points"))
    )
    rendered = replace(
        seen.views, matrices=seen.views.matrices[views], transposes=seen.views.transposes[views], surface=surface
    )

    def part(samples: Samples, which: slice) -> Samples:
        return Samples(samples.points[which], samples.region[which], samples.position[which])

    own = replace(
        seen,
        views=rendered,
        background=seen.background[one],
        samples=part(seen.samples, views),
        taps=Taps(seen.taps.index[views], seen.taps.weight[views], seen.taps.sizes),
        content=seen.content[views],
        style=seen.style[one],
        style_samples=part(seen.style_samples, one),
        groups=seen.groups[views],
        trust=seen.trust[views],
        features=replace(
            seen.features,
            taps=Taps(seen.features.taps.index[views], seen.features.taps.weight[views], seen.features.taps.sizes),
            content=seen.features.content[views],
            shown=seen.features.shown[views],
        ),
        style_groups=seen.style_groups[one],
        style_moments=type(seen.style_moments)(seen.style_moments.mean[one], seen.style_moments.covariance[one]),
    )
    return replace(scale, sets=[own])


# -- the whole -----------------------------------------------------------------------------------------------------


def test_stylise_is_deterministic_reports_and_moves_towards_the_style(subject):
    steps: list[tuple[int, int]] = []
    (first,), history = stylise(subject, tiny(), lambda step, total, losses: steps.append((step, total)))
    (second,), again = stylise(subject, tiny())
    assert np.array_equal(first, second) and history == again
    assert first.shape == subject.photo.shape and first.dtype == np.uint8
    assert steps == [(i + 1, 5) for i in range(5)]
    assert [(record["step"], record["scale"]) for record in history] == [(1, 32), (2, 32), (3, 32), (4, 48), (5, 48)]
    assert set(history[0]) == {"step", "scale", "loss", "content", "emd", "moments", "colour"}
    inside = subject.art[portrait_mask(subject.art_points, subject.art.shape[:2])].mean(axis=0)
    before, after = (np.abs(texture.reshape(-1, 3).mean(axis=0) - inside).sum() for texture in (subject.photo, first))
    assert after < before
    (different,), _ = stylise(subject, tiny(), seed=1)
    assert not np.array_equal(first, different)
    (mixed,), _ = stylise(subject, tiny(strength=0.5))
    assert np.abs(mixed.astype(float) - (first.astype(float) + subject.photo) / 2).max() <= 1.0


def test_strength_zero_is_the_photo_texture(subject):
    (result,), history = stylise(subject, tiny(strength=0.0))
    assert np.array_equal(result, subject.photo) and history == []


def test_no_iterations_give_the_photo_in_the_artworks_colours(subject):
    (result,), history = stylise(subject, tiny(iterations=[0, 0]))
    assert history == [] and result.shape == subject.photo.shape and not np.array_equal(result, subject.photo)


def test_optimisation_lowers_the_style_loss(subject):
    _, history = stylise(subject, small(beta=0.0, start="photo", surround=0))
    losses = [record["loss"] for record in history]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]


def test_beta_trades_style_for_content_monotonically(subject, monkeypatch):
    monkeypatch.setattr(schedules, "LEARNING_RATE", 0.01)
    photo = subject.photo // 2 + subject.photo[:, ::-1] // 2  # the same light on both sides
    places, _ = landmarks_in_layout(subject.mesh, subject.landmarks)
    for _ in range(3):  # the measure sees the photo as it is: its folds are softened for the painter already
        photo = soften_relief(even_light(photo, subject.labels, subject.parts[0].trust), subject.labels, places)
    subject = with_head(subject, photo=photo)
    measure = ViewLosses(subject, small(points=400), [View(-20, 0), View(0, 5), View(20, 0)], 32)
    few = small(iterations=[40], start="photo", grading=0.0)  # which would add the same step of colour to all three
    results = [stylise(subject, few.model_copy(update={"beta": beta}))[0][0] for beta in (1 / 16, 1.0, 16.0)]
    style, content = zip(*(measure.style_and_content(texture) for texture in results), strict=True)
    assert style[0] < 0.95 * style[1] < 0.95**2 * style[2]
    assert content[0] > 1.1 * content[1] and content[1] > 1.04 * content[2]


def test_several_views_a_step_and_no_regions(subject, model):
    plain = subject_of(model, model.mean, subject.photo, subject.art, subject.art_points, regions=False)
    assert set(np.unique(plain.labels)) == {SKIN} and plain.landmarks is None
    (result,), history = stylise(plain, tiny())
    assert len(history) == 5 and not np.array_equal(result, subject.photo)


def test_several_subjects_together_are_about_what_they_are_alone(subject, other, monkeypatch):
    monkeypatch.setattr(schedules, "LEARNING_RATE", 5e-3)
    params = small(iterations=[8], points=64)
    together = stylise_together([subject, other], params)
    assert [len(history) for _, history in together] == [8, 8]
    alone = [stylise(part, params) for part in (subject, other)]
    (reseeded,), _ = stylise(subject, params, seed=1)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.abs(a.astype(float) - b).mean())

    usual = distance(reseeded, alone[0][0][0])
    for ((texture,), history), ((single,), one) in zip(together, alone, strict=True):
        assert distance(texture, single) < 1.5 * usual, "samples differ as those of another seed do"
        ends = [np.mean([record["loss"] for record in part[-4:]]) for part in (history, one)]
        assert ends[0] == pytest.approx(ends[1], rel=0.2)
    assert distance(together[0][0][0], together[1][0][0]) > 3 * distance(together[0][0][0], alone[0][0][0])
    few = small(iterations=[1], points=64)
    twice = [stylise_together([subject, other], few) for _ in range(2)]
    assert all(np.array_equal(a, b) for ((a,), _), ((b,), _) in zip(*twice, strict=True))


def test_memory_does_not_grow_with_the_steps(subject):
    sizes: list[tuple[int, int]] = []

    def count(step: int, total: int, losses: dict) -> None:
        if step % 8 == 0:
            gc.collect()
            tensors = [part for part in gc.get_objects() if type(part) is torch.Tensor and part.layout == torch.strided]
            stored = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in tensors}
            sizes.append((len(tensors), sum(stored.values())))

    stylise(subject, small(iterations=[32], points=32), count)
    assert len(sizes) == 4 and len(set(sizes[1:])) == 1, sizes


def test_teeth_keep_their_first_colours_when_the_artwork_shows_none(model, subject, monkeypatch):
    monkeypatch.setattr(optimise, "CPU_WINDOW", 64)
    monkeypatch.setattr(schedules, "LEARNING_RATE", 0.05)
    jaw_open = np.zeros(len(model.expression_names))
    jaw_open[model.expression_names.index("jawOpen")] = 0.8
    photo = cv2.resize(subject.photo, (256, 256))
    laughing = subject_of(model, model.vertices(np.zeros(1), jaw_open), photo, subject.art, subject.art_points)
    few = tiny(scales=[128], iterations=[6])
    results = [stylise(laughing, few, seed=seed)[0][0] for seed in (0, 1)]
    changed = np.abs(results[0].astype(int) - results[1]).max(axis=2)
    teeth = cv2.erode((laughing.labels == TEETH).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert teeth.sum() >= 20
    assert changed[teeth].mean() < 0.2 * changed[laughing.labels == LIPS].mean()


def test_equal_scales_and_cropped_scales_alone_run_too(subject):
    _, history = stylise(subject, tiny(scales=[32, 32], iterations=[2, 3]))
    assert [record["step"] for record in history] == [1, 2, 3, 4, 5]
    (cropped,), _ = stylise(subject, tiny(scales=[64], iterations=[2]))
    assert cropped.shape == subject.photo.shape


# -- errors --------------------------------------------------------------------------------------------------------


def test_errors_name_the_parameter(subject, other, monkeypatch):
    with pytest.raises(ParameterError, match=r"texture\.iterations has 1 entries and texture\.scales 2"):
        stylise(subject, tiny(iterations=[1]))
    with pytest.raises(ParameterError, match="square uint8"):
        stylise(with_head(subject, photo=subject.photo[:32]), tiny())
    with pytest.raises(LandmarkError, match="no pixel"):
        stylise(replace(subject, art_labels=np.full_like(subject.art_labels, BACKGROUND)), tiny())
    smaller = with_head(other, photo=other.photo[::2, ::2], labels=other.labels[::2, ::2])
    with pytest.raises(ParameterError, match=r"must have one size; see photo_texture\.size and shell\.size"):
        stylise_together([subject, smaller], tiny())
    with pytest.raises(MissingDependencyError, match="the renderer is nvdiffrast"):
        stylise(subject, tiny(), hardware=Hardware("cpu", "nvdiffrast"))
    monkeypatch.setattr(schedules, "LEARNING_RATE", 1e30)
    with pytest.raises(TrainingError, match=r"not finite at step \d+; check texture\.weights"):
        stylise(subject, tiny())


@pytest.mark.parametrize(
    "bad",
    [
        {"beta": -1.0},
        {"beta": "1"},
        {"beta": float("nan")},
        {"scales": []},
        {"scales": [8]},
        {"strength": 1.5},
        {"device": "cpu"},
        {"views": 0},
    ],
)
def test_parameters_out_of_range(bad):
    with pytest.raises(ParameterError, match=next(iter(bad))):
        validate(TextureParams, bad, "params")


@pytest.mark.parametrize(("device", "side"), [("cpu", 32), ("cuda", 512)])
def test_largest_image_compared(device, side):
    params = TextureParams(scales=[64, 512], iterations=[1, 1])
    assert optimise.window_size(params, torch.device(device)) == side


def test_out_of_memory_gives_advice_in_one_line(subject, other, monkeypatch):
    def fail(self, kind: int) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")

    monkeypatch.setattr(Optimisation, "step", fail)
    with pytest.raises(OutOfMemory) as error:
        stylise_together([subject, other], tiny())
    message = str(error.value)
    assert "\n" not in message and "memory ran out" in message and " 2 heads" in message
    for words in (
        "subjects together (now 2)",
        "texture.scales (now up to 48)",
        "texture.views (now 2)",
        "texture.surround (now 1)",
        "texture.points (now 64)",
    ):
        assert words in message
    assert "photo_texture.size" not in message, "it is at its least"


@pytest.mark.parametrize(
    "failure",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("Cuda error: 2[cudaMalloc(&m_gpuPtr, bytes);]"),
    ],
)
def test_every_allocator_is_understood(failure):
    with pytest.raises(OutOfMemory) as error, memory_advice(tiny(surround=0), 1, [64], CPU):
        raise failure
    assert "together" not in str(error.value), "it is at its least"


def test_advice_on_memory_names_the_size_of_large_textures():
    assert "photo_texture.size (now 2048)" in advice(tiny(), 1, [2048], CPU)


def test_other_errors_of_a_step_are_left_alone(subject, monkeypatch):
    def fail(self, kind: int) -> None:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Optimisation, "step", fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        stylise(subject, tiny())
