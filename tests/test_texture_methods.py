"""Methods of texture stylisation side by side: each alone at tiny settings, and what each is made of."""

import runpy
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import torch
from ball import ball, smooth_texture
from click.testing import CliRunner
from shown import located, subject_of

from portrait_pipeline.base.artifacts import read_arrays, read_json
from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.base.stage import Layout
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.deform.record import DeformedHead
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab import texture_comparison
from portrait_pipeline.lab.texture_methods import METHODS
from portrait_pipeline.lab.texture_methods.gram import gram_distance
from portrait_pipeline.lab.texture_methods.joint import Geometry
from portrait_pipeline.lab.texture_methods.moving_views import MovingViews, barycentric
from portrait_pipeline.lab.texture_methods.two_step import (
    FIXED_VIEWS,
    PictureViews,
    fit_texture,
    head_colours,
)
from portrait_pipeline.lab.texture_methods.uv_space import FlatRenderer
from portrait_pipeline.mesh.render import Framing, View, embree_rasterise
from portrait_pipeline.perceptual.layers import CHANNELS
from portrait_pipeline.photo_texture.record import PhotoTexture
from portrait_pipeline.picture import painting
from portrait_pipeline.pipeline import effects
from portrait_pipeline.pipeline.effects import blend, effect_grid
from portrait_pipeline.pipeline.params import Params
from portrait_pipeline.regions.head import head_regions
from portrait_pipeline.report.texture_quality import TextureQuality
from portrait_pipeline.texture.optimise import stylise
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.texture.rendering.base import Shot
from portrait_pipeline.texture.rendering.choice import choose_renderer
from portrait_pipeline.texture.subject import to_image
from portrait_pipeline.translation.record import TranslatedPair

CPU = torch.device("cpu")
FRAME = Framing(np.zeros(3), 12.0)
ROWS = ("multi_view", "joint", "picture_first")
ROOT = Path(__file__).resolve().parent.parent
TINY = TextureParams(
    scales=[32, 40],
    iterations=[2, 1],
    views=2,
    surround=1,
    points=64,
)


@pytest.fixture(scope="module")
def face():
    """Bundled head, a photo texture, an artwork and its points."""
    model = load_bundled_model()
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    points = (frontal - frontal.mean(axis=0)) * 6 + [80, 90]
    art = (smooth_texture(160, seed=9) * 0.4 + [140, 60, 10]).astype(np.uint8)
    return model, smooth_texture(64, seed=2), art, points


@pytest.fixture(scope="module")
def subject(face):
    model, photo, art, points = face
    return subject_of(model, model.mean, photo, art, points)


@pytest.fixture(scope="module")
def run_once(subject):
    """What a method makes of the subject, and the steps that it reported; made once a method, of two views."""

    @cache
    def run(name):
        steps: list[tuple[int, int]] = []
        return METHODS[name](subject, TINY, lambda step, total, losses: steps.append((step, total))), steps

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules[fit_texture.__module__], "FIXED_VIEWS", FIXED_VIEWS[:2])
        yield run


def views_of_ball(shots, size=24, texture_size=32):
    return choose_renderer("cpu", CPU).prepare([[ball()]], [shots], size, [texture_size], 2)


# -- every method --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(METHODS))
def test_each_method_repeats_reports_and_moves_vertices_only_where_it_should(subject, run_once, name):
    result, steps = run_once(name)
    again = METHODS[name](subject, TINY)
    assert np.array_equal(result.texture, again.texture) and result.history == again.history
    assert result.texture.shape == subject.photo.shape and result.texture.dtype == np.uint8
    assert steps == [(i + 1, 3) for i in range(3)]
    assert [record["scale"] for record in result.history] == [32, 32, 40]
    assert set(result.history[0]) == {"step", "scale", "loss", "content", "emd", "moments", "colour"}
    before, after = (
        np.abs(texture.reshape(-1, 3).mean(axis=0) - subject.art.reshape(-1, 3).mean(axis=0)).sum()
        for texture in (subject.photo, result.texture)
    )
    assert after < before
    if name in ("joint", "image_gradients"):
        moved = np.linalg.norm(result.vertices - subject.mesh.vertices, axis=1)
        assert np.array_equal(result.vertices, again.vertices)
        assert np.isfinite(result.vertices).all() and 0 < moved.max() < 0.2
    else:
        assert result.vertices is None


@pytest.mark.parametrize("name", list(METHODS))
def test_each_method_knows_strength_zero_and_bad_schedules(subject, name):
    nothing = METHODS[name](subject, TINY.model_copy(update={"strength": 0.0}))
    assert np.array_equal(nothing.texture, subject.photo) and nothing.history == [] and nothing.vertices is None
    with pytest.raises(ParameterError, match=r"texture\.iterations has 1 entries and texture\.scales 2"):
        METHODS[name](subject, TINY.model_copy(update={"iterations": [1]}))


def test_multi_view_is_the_papers_loop(subject, run_once):
    (texture,), history = stylise(subject, TINY)
    result, _ = run_once("multi_view")
    assert np.array_equal(texture, result.texture) and history == result.history


def test_gram_matrices_know_no_places():
    x = torch.randn(2, 40, CHANNELS)
    assert gram_distance(x, x[:, torch.randperm(40)]).abs().max() < 1e-6
    assert torch.allclose(gram_distance(2 * x, x), torch.full((2,), 9.0)), "(4 - 1)^2 of every block"


# -- two steps -----------------------------------------------------------------------------------------------------


def test_the_fit_recovers_a_texture_where_it_is_seen_and_leaves_the_rest():
    shots = [Shot(View(a, 0.0), FRAME) for a in (-30.0, 0.0, 30.0)]
    views = views_of_ball(shots, size=64)
    truth, start = to_image(smooth_texture(32), CPU), torch.full((1, 3, 32, 32), 0.5)
    images = views.render([truth], torch.arange(3)[None])
    fitted = fit_texture(views, images, start, steps=200, pull=1e-6)
    assert (views.render([fitted], torch.arange(3)[None]) - images).abs().max() < 1 / 255
    seam = torch.cat([fitted[..., :2], fitted[..., -2:]], dim=-1)
    assert torch.allclose(seam, torch.full_like(seam, 0.5), atol=1e-4), "the back is in no view"
    middle = (fitted - truth)[:, :, 8:24, 12:20].abs()
    assert middle.max() < 2 / 255


def test_no_background_enters_the_pictures_at_the_outline():
    views = views_of_ball([Shot(view, FRAME) for view in FIXED_VIEWS])
    red, blue = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    pictures = head_colours(views, red.view(1, 3, 1, 1).expand(1, 3, 32, 32), blue)
    coverage = views.surface.coverage
    partly = (coverage > 0) & (coverage < 1)
    assert partly.any()
    assert torch.allclose(pictures.permute(0, 2, 3, 1)[partly], red, atol=1e-4)
    assert torch.equal(pictures.permute(0, 2, 3, 1)[coverage == 0], blue.expand(int((coverage == 0).sum()), 3))


def test_pictures_do_not_influence_each_other():
    surface = views_of_ball([Shot(view, FRAME) for view in FIXED_VIEWS]).surface
    views = PictureViews(surface, (24,))
    pictures = torch.rand(5, 3, 24, 24, requires_grad=True)
    views.render([pictures], torch.arange(5)[:, None])[2].sum().backward()
    assert pictures.grad[2].abs().sum() > 0
    assert pictures.grad[[0, 1, 3, 4]].abs().sum() == 0


# -- in the layout -------------------------------------------------------------------------------------------------


def test_the_layout_is_shown_as_it_is():
    texture = to_image(smooth_texture(32), CPU)
    whole = FlatRenderer(CPU).prepare([[ball()]], [[Shot(View(), FRAME)]], 32, [32], 2)
    assert torch.allclose(whole.render([texture], torch.zeros(1, 1, dtype=torch.int64)), texture, atol=1e-6)
    assert whole.surface.uv[0, 0, 0].tolist() == pytest.approx([0.5 / 32, 1 - 0.5 / 32])
    assert whole.surface.points[0, 16, 16].norm() == pytest.approx(10.0, rel=0.05)


# -- geometry too --------------------------------------------------------------------------------------------------


def moving(vertices: torch.Tensor, shots, size=24, texture_size=32):
    surface = views_of_ball(shots, size, texture_size).surface
    return MovingViews(ball(), vertices, shots, 2, surface, torch.tensor([0.2, 0.4, 0.6]), (texture_size,))


def test_unmoved_views_equal_the_renderer():
    shots = [Shot(View(20.0, 10.0), FRAME), Shot(View(-35.0, 0.0), FRAME)]
    texture, index = to_image(smooth_texture(32), CPU), torch.arange(2)[None]
    vertices = torch.tensor(ball().vertices, dtype=torch.float32)
    ours, theirs = moving(vertices, shots).render([texture], index), views_of_ball(shots).render([texture], index)
    assert (ours - theirs).abs().mean() < 0.004


def test_gradients_of_vertices_equal_finite_differences_inside_the_silhouette():
    shots = [Shot(View(15.0, 5.0), FRAME)]
    rest = torch.tensor(ball().vertices, dtype=torch.float64)
    texture = to_image(smooth_texture(32, seed=5), CPU).double()
    index = torch.zeros(1, 1, dtype=torch.int64)
    middle = torch.zeros(1, 1, 24, 24, dtype=torch.float64)
    middle[..., 8:16, 8:16] = 1
    vertices = rest.clone().requires_grad_()
    ((moving(vertices, shots).render([texture], index) * middle).square().sum()).backward()
    rng = np.random.default_rng(0)
    strongest = vertices.grad.abs().sum(dim=1).argsort(descending=True)[:4]
    for vertex in strongest.tolist():
        direction = torch.tensor(rng.normal(size=3))
        values = []
        for sign in (1, -1):
            moved = rest.clone()
            moved[vertex] += sign * 1e-3 * direction
            values.append((moving(moved, shots).render([texture], index) * middle).square().sum())
        expected = float(values[0] - values[1]) / 2e-3
        assert float(vertices.grad[vertex] @ direction) == pytest.approx(expected, rel=0.1, abs=0.02)


class StandIn:
    """The calls of nvdiffrast by its documented conventions, on the CPU, without gradients of its own."""

    @staticmethod
    def rasterize(context, clip, triangles, resolution):
        camera = (clip[0, :, :3] * torch.tensor([1.0, -1.0, -1.0])).double().numpy()  # row 0 is y = -1, near is small
        hit, weights = embree_rasterise(camera, triangles.numpy(), resolution[0])
        number = torch.tensor(hit + 1, dtype=torch.float32)
        u, v = torch.tensor(weights[..., 0]), torch.tensor(weights[..., 1])
        fragments = torch.stack([u, v, torch.zeros_like(u), number], dim=-1)[None]
        return fragments, torch.zeros(*fragments.shape[:3], 4)

    @staticmethod
    def interpolate(attributes, fragments, triangles, rast_db=None, diff_attrs=None):
        corners = attributes[0][triangles.long()[(fragments[0, ..., 3].long() - 1).clamp(min=0)]]
        u, v = fragments[0, ..., 0, None], fragments[0, ..., 1, None]
        value = u * corners[..., 0, :] + v * corners[..., 1, :] + (1 - u - v) * corners[..., 2, :]
        return value[None], torch.zeros(1, *value.shape[:2], 2 * value.shape[2])

    @staticmethod
    def texture(texture, uv, derivatives, filter_mode, boundary_mode):
        grid = uv * 2 - 1  # (0, 0) is the corner of texture row 0
        return torch.nn.functional.grid_sample(
            texture.permute(0, 3, 1, 2), grid, padding_mode="border", align_corners=False
        ).permute(0, 2, 3, 1)

    @staticmethod
    def antialias(colour, fragments, clip, triangles):
        assert colour.shape[-1] == 4 and clip.shape[-1] == 4 and triangles.dtype == torch.int32
        return colour


def test_a_head_that_draws_back_shows_the_background():
    shots = [Shot(View(), FRAME)]
    views = moving(torch.tensor(ball().vertices, dtype=torch.float32) * 0.5, shots)
    image = views.render([torch.ones(1, 3, 32, 32)], torch.zeros(1, 1, dtype=torch.int64))
    assert torch.allclose(image[0, :, 12, 12], torch.ones(3))
    assert torch.allclose(image[0, :, 12, 4], torch.tensor([0.2, 0.4, 0.6]), atol=1e-5), "was head, is not any more"
    assert torch.allclose(image[0, :, 0, 0], torch.zeros(3)), "never was: the caller fills it"


def test_barycentric_weights_and_thin_triangles():
    corners = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    corners.requires_grad_()
    weights = barycentric(torch.tensor([[0.25, 0.5], [0.5, 0.0]]), corners)
    assert torch.allclose(weights, torch.tensor([[0.25, 0.25, 0.5], [1 / 3, 1 / 3, 1 / 3]]))
    weights[:, 0].sum().backward()
    assert torch.isfinite(corners.grad).all() and corners.grad[1].abs().sum() == 0


def test_stiffness_smooths_a_dent_and_no_gradient_moves_nothing():
    mesh = ball()
    geometry = Geometry(mesh.vertices, mesh.triangles, CPU)
    geometry.step()
    assert np.array_equal(geometry.vertices.detach().numpy(), mesh.vertices.astype(np.float32))
    with torch.no_grad():
        geometry.vertices[40] += 2.0
    for _ in range(20):
        geometry.vertices.grad = torch.zeros_like(geometry.vertices)
        geometry.step()
    dent = np.abs(geometry.vertices.detach().numpy()[40] - mesh.vertices[40]).max()
    assert dent < 1.8


# -- side by side --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records(face):
    """The records of one pair up to the photo texture, without detection or training."""
    model, photo, art, points = face
    frontal = model.mean[model.landmarks][:, :2] * [1, -1]
    content = (frontal - frontal.mean(axis=0)) * 6 + [80, 90]
    scale = 6.0
    shift = np.array([80.0, 90.0]) - frontal.mean(axis=0) * scale
    row = Camera(np.eye(3), scale, shift).row()
    none = np.zeros((0, *model.mean.shape)), np.zeros((0, len(row)))
    fitted = FittedPair(model.mean.astype(np.float32), np.zeros(1), np.zeros(1), row, *none, content, points, 0.0, 0.0)
    wider = (content - content.mean(axis=0)) * [1.1, 1.0] + content.mean(axis=0)
    return {
        "landmarks": located(art, art, content, points),
        "fit": fitted,
        "translate": TranslatedPair(content, points, wider),
        "deform": DeformedHead(model.mean.astype(np.float32), model.mean[model.landmarks], 0.0, 0, 0),
        "photo_texture": PhotoTexture(
            photo, np.ones(photo.shape[:2], bool), head_regions(model, model.mesh(), len(photo))
        ),
    }


@pytest.fixture
def project(records, tmp_path, monkeypatch):
    """A folder with the pair ``only`` and tiny settings, made the current one."""
    for stage, record in records.items():
        record.save(tmp_path / "data" / "artifacts" / stage / "only.h5")
    (tmp_path / "params.yaml").write_text(
        "pairs: {only: {photo: a.png, art: b.png}}\n"
        "texture: {scales: [32], iterations: [1], views: 2, surround: 1, points: 64}\n"
    )
    (tmp_path / "stages" / "lab").mkdir(parents=True)
    (tmp_path / "stages" / "lab" / "params.yaml").write_text(
        "texture_comparison: {methods: [multi_view, joint, picture_first], scales: [32], iterations: [2]}\n"
    )
    monkeypatch.setattr(texture_comparison, "_VIEW_SIZE", 64)
    monkeypatch.setattr(painting, "_STEPS", 2)
    for module in (effects, texture_comparison):
        monkeypatch.setattr(module, "_CELL_WIDTH", 80)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_stage_script() -> None:
    runpy.run_path(str(ROOT / "stages" / "lab" / "texture_comparison.py"))["main"](Layout())


def test_the_stage_writes_textures_sheet_and_metrics(project, monkeypatch):
    monkeypatch.setattr(texture_comparison, "TextureQuality", partial(TextureQuality, unseen=2))
    run_stage_script()
    arrays, attributes = read_arrays(
        project / "data/artifacts/texture_comparison/textures.h5", kind="texture_comparison"
    )
    assert attributes["pair"] == "only"
    assert set(arrays) == {f"{name}/{part}" for name in ROWS for part in ("texture", "vertices")}
    assert (project / "data/artifacts/texture_comparison/sheet.png").stat().st_size > 1000
    found = read_json(project / "metrics/texture_methods.json")
    assert found["pair"] == "only" and list(found["methods"]) == list(ROWS)
    moved = [found["methods"][name]["moved"] for name in ROWS]
    assert moved[0] == 0 < moved[1] < moved[2], "a head fitted to a picture is another one"
    assert {"seconds", "style_sampled", "style_unseen_ratio", "seam_ratio"} <= set(found["methods"]["joint"])


def test_the_stage_names_a_pair_that_is_not_there(project):
    (project / "stages" / "lab" / "params.yaml").write_text("texture_comparison: {pair: other}\n")
    with pytest.raises(ParameterError, match=r"pair 'other' is not in params\.yaml"):
        run_stage_script()
    (project / "params.yaml").write_text("pairs: {}\n")
    with pytest.raises(ParameterError, match="pairs is empty"):
        run_stage_script()


# -- controls ------------------------------------------------------------------------------------------------------


def test_blend_is_what_strength_does(subject, run_once):
    full = run_once("multi_view")[0].texture
    (wanted,), _ = stylise(subject, TINY.model_copy(update={"strength": 0.3}))
    assert np.abs(blend(subject.photo, full, 0.3).astype(int) - wanted).max() <= 1


def test_effect_grid_makes_one_texture_a_beta(face, records, monkeypatch):
    monkeypatch.setattr(effects, "_CELL_WIDTH", 80)
    model, photo, _, _ = face
    asked: list[float] = []

    def stylise_with(beta: float) -> np.ndarray:
        asked.append(beta)
        return np.full_like(photo, round(40 * beta))

    picture = effect_grid(
        model,
        records["fit"],
        records["translate"],
        photo,
        Params(pairs={}),
        [2.0, 1.0],
        [0.0, 1.0],
        [0.0, 0.5, 1.0],
        stylise_with,
    )
    assert asked == [2.0, 1.0]
    assert picture.ndim == 3 and picture.dtype == np.uint8 and picture.shape[1] == 240
    for bad in ({"betas": [-1.0]}, {"scales": [9.0]}, {"strengths": [2.0]}, {"betas": []}, {"betas": [float("nan")]}):
        values = {"betas": [1.0], "scales": [1.0], "strengths": [1.0]} | bad
        with pytest.raises(ParameterError, match="effects: "):
            effect_grid(
                model, records["fit"], records["translate"], photo, Params(pairs={}), *values.values(), stylise_with
            )


def test_effects_as_a_user_types_it(project):
    output = project / "effects.png"
    arguments = ["effects", "only", "-o", str(output), "--beta", "1", "--scale", "1", "--strength", "0.5"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert output.stat().st_size > 1000
    other = CliRunner().invoke(main, ["effects", "other", "-o", str(output)])
    assert other.exit_code == 1 and "pair 'other' is not in params.yaml" in other.output
