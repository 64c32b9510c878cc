"""Head and shell as one painting: the shell as a part, windows, clothes, trust, the border, and a tiny run."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from ball import ball, smooth_texture
from shown import located, subject_of

from portrait_pipeline.deform.record import DeformedHead
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.render import View
from portrait_pipeline.mesh.texels import texel_map
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.regions.clothes import clothes_colours, clothes_example, not_skin
from portrait_pipeline.regions.labels import BACKGROUND, CLOTHES, HAIR, OUTER, SKIN
from portrait_pipeline.report.border import border_ratio
from portrait_pipeline.shell import record as kinds
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.texture import optimise, shots
from portrait_pipeline.texture import schedule as schedules
from portrait_pipeline.texture.losses import self_similarity
from portrait_pipeline.texture.optimise import stylise
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.texture.part import Part
from portrait_pipeline.texture.scale import interleaved
from portrait_pipeline.texture.shell_part import shell_part
from portrait_pipeline.texture.shots import spread_windows
from portrait_pipeline.texture.step import stylise_pair
from portrait_pipeline.texture.style import draw_style
from portrait_pipeline.texture.subject import Subject, prepare

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")
TINY = TextureParams(scales=[32, 48], iterations=[4, 3], views=2, surround=1, points=64)


@pytest.fixture(autouse=True)
def few_views(monkeypatch) -> None:
    monkeypatch.setenv("PORTRAIT_DEVICE", "cpu")
    monkeypatch.setattr(optimise, "CPU_WINDOW", 32)
    monkeypatch.setattr(schedules, "STYLE_POINTS", 96)
    monkeypatch.setattr(shots, "SHELL_VIEWS", 4)
    monkeypatch.setattr(shots, "BUST_VIEWS", 3)


def shell_of(mesh: Mesh, size: int = 64) -> Shell:
    """A ball about the head as a shell: hair above, clothes below, some skin between; the photo shows its front."""
    height = mesh.vertices[:, 1] - mesh.vertices[:, 1].mean()
    labels = np.where(height > 2, kinds.HAIR, np.where(height < -4, kinds.CLOTHES, kinds.SKIN)).astype(np.int8)
    seen = np.zeros((size, size), np.uint8)
    seen[:, size // 4 : 3 * size // 4] = 255
    depth = mesh.vertices[:, 2] - mesh.vertices[:, 2].mean()
    facing = (depth / np.abs(depth).max()).astype(np.float32)
    rest = smooth_texture(size, 7), seen, facing, np.zeros(0, np.float32), ""
    return Shell(mesh.vertices, mesh.triangles, mesh.uv, mesh.uv_triangles, labels, *rest)


def shell_texel_facing(shell: Shell) -> np.ndarray:
    size = len(shell.seen)
    return texel_map(shell.mesh(), size).interpolate(shell.triangles, shell.facing[:, None])[..., 0]


@pytest.fixture(scope="module")
def shell(model) -> Shell:
    mesh = ball(28, 14, radius=13.0)
    return shell_of(mesh.with_vertices((mesh.vertices + model.mean.mean(axis=0) + [0, 0, -6.0]).astype(np.float32)))


@pytest.fixture(scope="module")
def subject(model) -> Subject:
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 6 + [80, 90]
    art = np.clip(smooth_texture(160, seed=9) * 0.4 + [140, 60, 10], 0, 255).astype(np.uint8)
    return subject_of(model, model.mean, smooth_texture(64, seed=2), art, points)


def together(model, subject: Subject, shell: Shell) -> Subject:
    return subject.joined_by(shell_part(shell, shell.vertices, float(model.mean[model.landmarks[8], 1])))


# -- the shell as a part -------------------------------------------------------------------------------------------


def test_a_shell_has_hair_clothes_and_skin_above_and_below_the_chin(shell):
    middle = float(shell.vertices[:, 1].mean())
    part = shell_part(shell, shell.vertices, middle - 1.0)
    rows = 1 - (np.arange(64) + 0.5) / 64  # v, from low to high on the ball
    column = part.labels[:, 32]
    assert set(np.unique(part.labels)) == {HAIR, CLOTHES, SKIN, OUTER}
    order = [label for label, before in zip(column, [None, *column], strict=False) if label != before]
    assert order == [HAIR, SKIN, OUTER, CLOTHES], "from the top down"
    assert rows[column == HAIR].min() > rows[column == CLOTHES].max()
    assert part.covered.all() and part.photo.shape == (64, 64, 3)


def test_only_what_the_photo_shows_well_is_trusted_and_other_cloth_is_smooth(shell):
    part = shell_part(shell, shell.vertices, 0.0)
    cloth, skin = part.labels == CLOTHES, np.isin(part.labels, (SKIN, OUTER))
    hair, behind = part.labels == HAIR, (shell.seen == 0) & (shell_texel_facing(shell) < 0.2)
    assert part.trust[hair & ((shell.seen > 0) | behind)].all(), "made-up hair behind has strands"
    assert not part.trust[skin & (shell.seen == 0)].any() and part.trust[skin & (shell.seen > 0)].all()
    assert part.trust[cloth].any() and not part.trust[cloth & (shell.seen == 0)].any()
    hidden = cloth & ~part.trust
    inside = hidden[:, :-1] & hidden[:, 1:]
    step = [
        np.abs(np.diff(picture.astype(float), axis=1)).sum(axis=2)[inside].mean()
        for picture in (shell.texture, part.photo)
    ]
    assert step[1] < 0.5 * step[0]
    assert np.array_equal(part.photo[part.labels == HAIR], shell.texture[part.labels == HAIR])


# -- what is looked at ---------------------------------------------------------------------------------------------


def test_windows_spread_over_the_surface():
    mesh, views = ball(40, 20), [View(a, e) for a in range(0, 360, 60) for e in (-15, 15)]
    shots = spread_windows(mesh, views, 5.0, np.random.default_rng(0))
    again = spread_windows(mesh, views, 5.0, np.random.default_rng(0))
    places = np.stack([shot.framing.centre for shot in shots])
    assert np.array_equal(places, [shot.framing.centre for shot in again])
    assert [shot.view for shot in shots] == views and {shot.framing.half_extent for shot in shots} == {5.0}
    for shot in shots:
        assert shot.view.rotation()[2] @ shot.framing.centre > 0, "what a window is about faces it"
    gaps = np.linalg.norm(places[:, None] - places, axis=2) + 99 * np.eye(len(places))
    assert gaps.min() > 2.0


def test_kinds_of_views_take_turns_by_their_shares():
    assert interleaved([1.0], 4) == [0, 0, 0, 0]
    order = interleaved([0.5, 0.25, 0.25], 80)
    assert [order.count(kind) for kind in range(3)] == [40, 20, 20]
    assert all(abs(order[:n].count(0) - n / 2) <= 1 for n in range(80))
    assert interleaved([0.5, 0.5], 0) == []


# -- clothes -------------------------------------------------------------------------------------------------------


def test_clothes_learn_from_clothes_else_from_the_rest_else_from_everything():
    labels = np.full((20, 20), SKIN, np.uint8)
    labels[15:] = BACKGROUND
    labels[18:] = CLOTHES
    assert np.array_equal(clothes_example(labels), labels == CLOTHES)
    few = np.where(labels == CLOTHES, BACKGROUND, labels)
    few[19, 19] = CLOTHES
    assert np.array_equal(clothes_example(few), few != SKIN), "one pixel is no example"
    filled = np.full((20, 20), SKIN, np.uint8)
    filled[0] = HAIR
    assert clothes_example(filled).all() and np.array_equal(not_skin(filled), filled == HAIR)
    assert not_skin(np.zeros((4, 4), np.uint8)).all()
    art = np.where(labels[..., None] == CLOTHES, 10, 200).astype(np.uint8).repeat(3, axis=2)
    dark = (clothes_colours(art, labels)[:, 0] == 10).mean()
    assert 0.8 < dark < 1.0, "some colours are those of all that is not skin"


class Plain:
    """In place of the network: a sample's hypercolumn is the picture's colour there."""

    def columns(self, image: torch.Tensor, taps) -> torch.Tensor:
        rows = image[0].flatten(1).T[taps.index[0, :, 0]]
        return (rows * taps.weight[0, :, 0, :, None]).sum(dim=1)[None]


def test_samples_of_the_artwork_come_from_both_sides(model, subject, shell):
    art = np.zeros((160, 160, 3), np.uint8)
    art[:, :80, 0], art[:, 80:, 1] = 200, 200
    scene = prepare(
        Subject(together(model, subject, shell).parts, art, subject.art_points, subject.art_labels, subject.landmarks),
        20.0,
        CPU,
    )
    columns, samples = draw_style(scene, 2.0, 32, 400, {CLOTHES: 0.25}, Plain(), torch.Generator().manual_seed(0))
    assert columns.shape[0] == 400 and int((samples.region == CLOTHES).sum()) == 100
    face, far = samples.region != CLOTHES, samples.position[:, 0].abs() > 0.05
    left, red = samples.position[:, 0] < 0, columns[:, 0] > columns[:, 1]
    both = [(red & left & face & far).sum(), (red & ~left & face & far).sum()]
    assert min(both) > 0.3 * sum(both), "each side's colour is found on both sides of the face"


# -- content -------------------------------------------------------------------------------------------------------


def test_samples_without_trust_might_as_well_not_be_there():
    generator = torch.Generator().manual_seed(0)
    x, c = (torch.rand(2, 12, 7, generator=generator) for _ in range(2))
    some = torch.tensor([[1.0] * 8 + [0.0] * 4] * 2)
    assert torch.allclose(self_similarity(x, c, some), self_similarity(x[:, :8], c[:, :8]), atol=1e-5)
    assert torch.allclose(self_similarity(x, c, torch.ones(2, 12)), self_similarity(x, c), atol=1e-5)
    assert torch.equal(self_similarity(x, c, torch.zeros(2, 12)), torch.zeros(2))


# -- the border ----------------------------------------------------------------------------------------------------


def test_a_border_is_seen_where_colours_differ_and_only_between_like_regions():
    inner, outer = ball(20, 10, radius=6.0), ball(28, 14)
    inner = inner.with_vertices(inner.vertices + [3.0, 1.0, 6.0])

    def ratio(colour: int, label: int = SKIN, photo: int = 120) -> float:
        noise = np.random.default_rng(0).integers(-6, 7, (64, 64, 3))
        textures = [(light + noise).astype(np.uint8) for light in (120, colour)]
        photos = [np.full((64, 64, 3), light, np.uint8) for light in (120, photo)]
        labels = [np.full((64, 64), kind, np.uint8) for kind in (SKIN, label)]
        parts = [Part(mesh, *pair) for mesh, *pair in zip((inner, outer), photos, labels, strict=True)]
        return border_ratio(parts, textures, 128)

    assert ratio(120) == pytest.approx(1.0, abs=0.3)
    assert ratio(170) > 3
    assert ratio(170, HAIR) == 1.0, "hair may end at the face"
    assert ratio(170, photo=200) == 1.0, "what differs in the photo may differ"


# -- the whole -----------------------------------------------------------------------------------------------------


def test_head_and_shell_are_stylised_together_and_repeat(model, subject, shell):
    both = together(model, subject, shell)
    (head, worn), history = stylise(both, TINY)
    again, same = stylise(both, TINY)
    assert head.shape == worn.shape == (64, 64, 3) and len(history) == 7
    assert np.array_equal(head, again[0]) and np.array_equal(worn, again[1]) and history == same
    (alone,), _ = stylise(subject, TINY)
    assert not np.array_equal(alone, head)
    wanted = subject.art.reshape(-1, 3).mean(axis=0)
    for before, after in ((both.parts[0].photo, head), (both.parts[1].photo, worn)):
        distance = [np.abs(picture.reshape(-1, 3).mean(axis=0) - wanted).sum() for picture in (before, after)]
        assert distance[1] < distance[0]


def test_the_stage_without_a_shell_is_the_head_alone(model, subject, shell):
    pair = located(subject.art, subject.art, subject.art_points, subject.art_points)
    head = DeformedHead(model.mean.astype(np.float32), model.mean[model.landmarks], 0.0, 0, 0)
    photo = PhotoTexture(subject.photo, np.ones((64, 64), bool), subject.labels)
    few = TINY.model_copy(update={"scales": [32], "iterations": [2]})
    bare, _ = stylise_pair(model, pair, head, photo, few)
    none, _ = stylise_pair(model, pair, head, photo, few, shell=Shell.none("bald"), shell_vertices=np.zeros((0, 3)))
    assert np.array_equal(bare.texture, none.texture)
    assert none.shell_texture.shape == (0, 0, 3) and none.shell_vertices.shape == (0, 3)
    worn, history = stylise_pair(model, pair, head, photo, few, shell=shell, shell_vertices=shell.vertices)
    assert worn.shell_texture.shape == (64, 64, 3) and len(history) == worn.steps == 2
    assert np.array_equal(worn.shell_vertices, shell.vertices)
