"""Stylised heads made ready to animate: expressions, lids and eyeballs, lips, teeth, on drawn and exaggerated heads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.spatial import cKDTree

from portrait_pipeline.animation.build import build_rig
from portrait_pipeline.animation.expressions import carry_expressions, gradients
from portrait_pipeline.animation.eye_texture import complete, find_iris
from portrait_pipeline.animation.eyeball import Eyeball, fit_eyeball, sphere_mesh, uv_directions
from portrait_pipeline.animation.falloff import Falloff
from portrait_pipeline.animation.interior import shows_teeth, skin_depth_lack
from portrait_pipeline.animation.mouth import lip_gap
from portrait_pipeline.animation.openings import along, arcs, boundary_loop, find_opening
from portrait_pipeline.animation.params import AnimationParams
from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.animation.teeth import dentures
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.mesh.mesh import Mesh
from portrait_pipeline.mesh.render import Framing, View, render

MODEL = load_bundled_model()
NAMES = list(MODEL.expression_names)
COUNT = len(MODEL.mean)
EYES = {"EyeLeft": ("eye_left", "eyeBlinkLeft"), "EyeRight": ("eye_right", "eyeBlinkRight")}


def coefficients(**values: float) -> np.ndarray:
    result = np.zeros(len(NAMES))
    for name, value in values.items():
        result[NAMES.index(name)] = value
    return result


SMILE = coefficients(
    mouthSmileLeft=0.8,
    mouthSmileRight=0.7,
    jawOpen=0.3,
    mouthUpperUpLeft=0.4,
    eyeBlinkLeft=0.3,
    browDownRight=0.5,
    mouthLowerDownLeft=0.5,
)


def exaggerated(vertices: np.ndarray, eyes: float, width: float) -> np.ndarray:
    """A caricature: eyes ``eyes`` times as tall, the lower face ``width`` times as wide, both fading smoothly."""
    result = vertices.copy()
    for side in (36, 42):
        centre = vertices[MODEL.landmarks[side : side + 6]].mean(axis=0)
        share = np.exp(-((np.linalg.norm((vertices - centre)[:, :2], axis=1) / 2.2) ** 2))
        result[:, 1] += (eyes - 1) * share * (vertices - centre)[:, 1]
    share = 1 / (1 + np.exp(2.0 * (vertices[:, 1] + 3.0)))
    result[:, 0] *= 1 + (width - 1) * share
    return result


def painted(size: int = 512) -> np.ndarray:
    """A texture with noise over which dark irises, white eyes and red lips are painted."""
    texture = np.random.default_rng(0).integers(150, 190, (size, size, 3)).astype(np.uint8)
    uv = np.zeros((COUNT, 2))
    uv[MODEL.triangles.ravel()] = MODEL.uv[MODEL.uv_triangles.ravel()]
    rows, columns = np.mgrid[:size, :size]
    texels = np.stack([(columns + 0.5) / size, 1 - (rows + 0.5) / size], axis=-1)
    for region, colour in ((1, (235, 235, 230)), (2, (235, 235, 230)), (3, (120, 40, 40))):
        distance = cKDTree(uv[MODEL.regions == region]).query(texels)[0]
        texture[distance < 0.006] = colour
    for side in (36, 42):
        iris = uv[MODEL.landmarks[side : side + 6]].mean(axis=0)
        texture[np.linalg.norm(texels - iris, axis=-1) < 0.014] = (50, 35, 25)
    return texture


TEXTURE = painted()


def head(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fitted head, stylised head, expression."""
    rng = np.random.default_rng(5)
    identity = 0.8 * rng.standard_normal(40)
    neutral, smiling = (MODEL.vertices(identity, e) for e in (np.zeros(len(NAMES)), SMILE))
    return {
        "mean": (MODEL.mean, MODEL.mean, np.zeros(len(NAMES))),
        "drawn": (neutral, neutral, np.zeros(len(NAMES))),
        "tall_eyes": (neutral, exaggerated(neutral, 1.9, 0.6), np.zeros(len(NAMES))),
        "narrow_eyes": (smiling, exaggerated(smiling, 0.6, 1.35), SMILE),
        "smiling": (smiling, exaggerated(smiling, 1.4, 0.8), SMILE),
    }[name]


HEADS = ("mean", "drawn", "tall_eyes", "narrow_eyes", "smiling")


@pytest.fixture(scope="module")
def rigs() -> dict[str, Rig]:
    return {name: build_rig(MODEL, *head(name), TEXTURE, AnimationParams()) for name in HEADS}


def ball_of(rig: Rig, name: str) -> Eyeball:
    part = rig.part(name)
    return Eyeball(part.pivot, float(np.linalg.norm(part.mesh.vertices, axis=1).mean()), part.stretch)


def posed(rig: Rig, part: str = "Head", **values: float) -> np.ndarray:
    piece = rig.part(part)
    return piece.mesh.vertices + np.tensordot(coefficients(**values), piece.targets.astype(float), axes=1)


def lid_vertices(rig: Rig, ball: Eyeball) -> np.ndarray:
    """All vertices of the head in front of the eyeball's centre and near it, the strip behind the lids as well."""
    head_ = rig.part("Head")
    used = np.unique(head_.mesh.triangles)
    local = (head_.mesh.vertices[used] - ball.centre) / ball.stretch
    return used[(np.linalg.norm(local, axis=1) < 1.25 * ball.radius) & (local[:, 2] > 0)]


@pytest.mark.parametrize("name", HEADS)
def test_rest_and_the_pictures_expression_give_the_stylised_head(rigs: dict[str, Rig], name: str) -> None:
    rig, (_, stylised, expression) = rigs[name], head(name)
    piece = rig.part("Head")
    picture = piece.mesh.vertices + np.tensordot(rig.expression, piece.targets.astype(float), axes=1)
    assert np.allclose(picture[:COUNT], stylised, atol=1e-5)
    assert np.array_equal(rig.expression, expression)
    assert rig.names == MODEL.expression_names
    assert [part.name for part in rig.parts] == ["Head", "EyeLeft", "EyeRight", "Mouth", "Teeth"]


@pytest.mark.parametrize("name", HEADS)
def test_blink_closes_the_lids(rigs: dict[str, Rig], name: str) -> None:
    for part, (region, blink) in EYES.items():
        opening = find_opening(MODEL, region)
        closed = posed(rigs[name], **{blink: 1.0})[opening.rim]
        at = np.linspace(0, 1, 300)
        upper, lower = along(closed[opening.upper], at), along(closed[opening.lower], at)
        gap = max(cKDTree(lower).query(upper)[0].max(), cKDTree(upper).query(lower)[0].max())
        assert gap < 0.03, f"{part}: {10 * gap:.2f} mm"
        assert (upper - lower)[:, 1].min() > -0.03


@pytest.mark.parametrize("name", HEADS)
def test_lids_do_not_pass_through_the_eyeball(rigs: dict[str, Rig], name: str) -> None:
    rig = rigs[name]
    for part, (_, blink) in EYES.items():
        ball = ball_of(rig, part)
        near = lid_vertices(rig, ball)
        shapes = [blink, *(n for n in NAMES if n.startswith(("eyeWide", "eyeSquint", "eyeLook", "cheekSquint")))]
        for shape in shapes:
            for share in (0.0, 0.25, 0.5, 0.75, 1.0):
                depth = ball.distance(posed(rig, **{shape: share})[near]).min()
                assert depth > -0.05, f"{part}, {shape} at {share}: {-10 * depth:.2f} mm"


def test_eyeball_fills_the_opening(rigs: dict[str, Rig]) -> None:
    """No gap between lid and eyeball is seen: a line of sight through the opening ends on the ball or the strip."""
    for name in HEADS:
        for part, (region, _) in EYES.items():
            opening, ball = find_opening(MODEL, region), ball_of(rigs[name], part)
            rim = rigs[name].part("Head").mesh.vertices[opening.rim]
            inside = ((rim[:, :2] - ball.centre[:2]) / ball.stretch[:2]) / ball.radius
            assert np.linalg.norm(inside, axis=1).max() < 1.0
            assert np.median(ball.distance(rim)) < 0.3
            assert rigs[name].part("Head").mesh.vertices.shape[0] == COUNT + 2 * 4 * len(opening.rim)


@pytest.mark.parametrize("name", HEADS)
def test_jaw_opens_the_mouth(rigs: dict[str, Rig], name: str) -> None:
    fitted, _, expression = head(name)
    rig, mouth, at = rigs[name], find_opening(MODEL, "mouth"), np.linspace(0.05, 0.95, 40)
    piece = rig.part("Head").mesh.vertices
    neutral = fitted - np.tensordot(expression, MODEL.expression_basis, axes=1)

    def share(rim: np.ndarray) -> float:
        return lip_gap(rim, mouth, at).max() / np.ptp(rim[:, 0])

    wanted = share((neutral + MODEL.expression_basis[NAMES.index("jawOpen")])[mouth.rim])
    found = share(posed(rig, jawOpen=1.0)[mouth.rim])
    stretch = np.ptp(piece[mouth.rim, 0]) / np.ptp(neutral[mouth.rim, 0])
    assert 0.6 < found * stretch / wanted < 1.5
    assert lip_gap(piece[mouth.rim], mouth, at).max() < 0.09  # closed at rest, whatever the picture's expression


@pytest.mark.parametrize("name", HEADS)
def test_lips_never_cross(rigs: dict[str, Rig], name: str) -> None:
    mouth, at = find_opening(MODEL, "mouth"), np.linspace(0.05, 0.95, 40)
    for shape in NAMES:
        values = {shape: 1.0} | ({"jawOpen": 1.0} if shape == "mouthClose" else {})
        gap = lip_gap(posed(rigs[name], **values)[mouth.rim], mouth, at).min()
        assert gap > -0.06, f"{shape}: {10 * gap:.2f} mm"


@pytest.mark.parametrize("name", HEADS)
def test_teeth_stay_behind_the_skin(rigs: dict[str, Rig], name: str) -> None:
    rig = rigs[name]
    piece = rig.part("Head")
    triangles = piece.mesh.triangles[(piece.mesh.triangles < COUNT).all(axis=1)]
    poses = (
        {},
        {"jawOpen": 1.0},
        {"mouthPucker": 1.0},
        {"mouthSmileLeft": 1.0},
        {"mouthRollLower": 1.0},
        {"jawForward": 1.0},
        {"mouthPressLeft": 1.0},
    )
    for pose in poses:
        lack = skin_depth_lack(posed(rig, "Teeth", **pose), posed(rig, **pose), triangles)
        assert lack.max() < 0.11, pose  # the test of the code asks for 1 mm behind the skin: none is before it


def test_lower_teeth_follow_the_jaw_and_upper_ones_do_not(rigs: dict[str, Rig]) -> None:
    teeth, lower = rigs["drawn"].part("Teeth"), dentures().lower
    moves = teeth.targets[NAMES.index("jawOpen")]
    assert moves[lower][:, 1].max() < -1.0
    assert np.abs(moves[~lower][:, :2]).max() < 1e-6
    before, after = teeth.mesh.vertices[lower], (teeth.mesh.vertices + moves)[lower]
    spans = [np.linalg.norm(points - points[0], axis=1) for points in (before, after)]
    assert np.allclose(*spans, atol=1e-4)  # rigid


@pytest.mark.parametrize("name", HEADS)
def test_the_tongue_comes_out_between_the_lips_of_an_open_mouth(rigs: dict[str, Rig], name: str) -> None:
    rig, mouth = rigs[name], find_opening(MODEL, "mouth")
    face, flesh = posed(rig, jawOpen=0.6), dentures().tongue
    out = posed(rig, "Teeth", jawOpen=0.6, tongueOut=1.0)[flesh]
    upper, lower = (face[mouth.rim[arc[len(arc) // 2]]] for arc in (mouth.upper, mouth.lower))
    passing = out[np.abs(out[:, 2] - lower[2]) < 0.25]
    assert len(passing) and passing[:, 1].max() < upper[1] and passing[:, 1].min() > lower[1] - 0.25
    assert out[:, 2].max() > lower[2] + 0.9 and out[out[:, 2].argmax(), 1] < lower[1]  # before the lip, hanging down
    assert np.ptp(passing[:, 0]) < 0.9 * np.ptp(face[mouth.rim, 0])
    triangles = rig.part("Head").mesh.triangles
    skin = triangles[(triangles < COUNT).all(axis=1)]
    assert skin_depth_lack(posed(rig, "Teeth", jawOpen=0.6)[flesh], face, skin).max() < 0.0  # lies inside by itself
    others = posed(rig, "Teeth", tongueOut=1.0)[~flesh] - posed(rig, "Teeth")[~flesh]
    assert not others.any() and np.array_equal(posed(rig, tongueOut=1.0), posed(rig))


@pytest.mark.parametrize("name", HEADS)
def test_every_expression_moves_something(rigs: dict[str, Rig], name: str) -> None:
    for index, shape in enumerate(rigs[name].names):
        reach = max(np.linalg.norm(part.targets[index], axis=1).max() for part in rigs[name].parts if not part.stiff)
        assert reach > 0.1, shape


def test_pose_shows_the_tongue(rigs: dict[str, Rig], tmp_path: Path) -> None:
    rigs["drawn"].save(tmp_path / "rig.h5")
    command = ["pose", str(tmp_path), "--neutral", "-e", "jawOpen=.6", "--size", "256", "-o"]
    for more in ([], ["-e", "tongueOut=1"]):
        result = CliRunner().invoke(main, [*command, str(tmp_path / f"{len(more)}.png"), *more])
        assert result.exit_code == 0, result.output
    before, after = (np.asarray(Image.open(tmp_path / f"{count}.png")).astype(int) for count in (0, 2))
    rows, columns = np.nonzero((after != before).any(axis=2))
    assert len(rows) > 150 and np.ptp(rows) > 12 and abs(columns.mean() - 128) < 10


@pytest.mark.parametrize("name", ["drawn", "tall_eyes", "smiling"])
def test_a_closed_lid_is_skin_whatever_is_painted_above_the_eye(name: str) -> None:
    """Lashes and shade in a band above the lid's edge: stretched by the blink they would cover the whole lid."""
    fitted, stylised, expression = head(name)
    texture = TEXTURE.copy()
    uv = np.zeros((COUNT, 2))
    uv[MODEL.triangles.ravel()] = MODEL.uv[MODEL.uv_triangles.ravel()]
    for side in ("eye_left", "eye_right"):
        opening = find_opening(MODEL, side)
        edge = stylised[opening.rim[opening.upper]]
        above = stylised[:, 1] - np.interp(stylised[:, 0], edge[:, 0], edge[:, 1])
        beside = (stylised[:, 0] > edge[0, 0]) & (stylised[:, 0] < edge[-1, 0])
        for row, column in texels_near(uv[(np.abs(above - 0.2) < 0.2) & beside & (stylised[:, 2] > 4)]):
            texture[row, column] = (20, 10, 10)
    rig = build_rig(MODEL, fitted, stylised, expression, texture, AnimationParams())
    skin = rig.part("Head")
    for side in ("Left", "Right"):
        blink = skin.mesh.vertices + skin.targets[NAMES.index(f"eyeBlink{side}")]
        rim = find_opening(MODEL, f"eye_{side.lower()}").rim
        lid = blink[rim]
        framing = Framing(lid.mean(axis=0) + [0, 0.15 * np.ptp(lid[:, 0]), 0], 0.1 * np.ptp(lid[:, 0]))
        pictures = [
            render(Mesh(blink, skin.mesh.triangles, skin.mesh.uv, skin.mesh.uv_triangles), paint, View(), framing, 48)
            for paint in (texture, skin.texture)
        ]
        dark, clean = (picture.mean() for picture in pictures)
        assert dark < 60 and clean > 115


def texels_near(places: np.ndarray) -> np.ndarray:
    """Rows and columns of the texels within two of UV places (N, 2)."""
    size = len(TEXTURE)
    middle = np.stack([(1 - places[:, 1]) * size, places[:, 0] * size], axis=1).astype(int)
    steps = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2), axis=-1).reshape(-1, 2)
    return np.unique((middle[:, None] + steps).reshape(-1, 2), axis=0)


def test_frontal_look_is_kept_at_the_pictures_expression(rigs: dict[str, Rig]) -> None:
    _, stylised, _ = head("smiling")
    rig = rigs["smiling"]
    for side, name in ((36, "EyeRight"), (42, "EyeLeft")):
        points = stylised[MODEL.landmarks[side : side + 6]]
        framing = Framing(points.mean(axis=0), 0.75 * np.ptp(points[:, 0]))
        before = render(MODEL.mesh(stylised), TEXTURE, View(), framing, 96).astype(float)
        part, skin = rig.part(name), rig.part("Head")
        ball = part.mesh.with_vertices(part.mesh.vertices * part.stretch + part.pivot)
        moved = skin.mesh.with_vertices(
            skin.mesh.vertices + np.tensordot(rig.expression, skin.targets.astype(float), axes=1)
        )
        after = merged_render(moved, skin.texture, ball, part.texture, framing)
        assert np.abs(after - before).mean() < 4.0
        lid = 48 - round(48 * (points[[1, 2], 1].mean() - points[:, 1].mean()) / framing.half_extent)
        eye = np.s_[max(32, lid + 4) : 64, 32:64]  # the upper lid is painted anew, so that it can close
        assert np.abs(after - before)[eye].mean() < 8.0


def merged_render(skin: Mesh, skin_texture: np.ndarray, ball: Mesh, ball_texture: np.ndarray, framing: Framing):
    """Skin and eyeball in one picture, each with its texture: the two textures side by side in one."""
    size = skin_texture.shape[0]
    atlas = np.zeros((2 * size, 2 * size, 3), np.uint8)
    atlas[size:, :size] = skin_texture
    atlas[: ball_texture.shape[0], : ball_texture.shape[1]] = ball_texture
    scale = ball_texture.shape[0] / (2 * size)
    ball_uv = ball.uv * scale + [0, 1 - scale]
    both = Mesh(
        np.concatenate([skin.vertices, ball.vertices]),
        np.concatenate([skin.triangles, ball.triangles + len(skin.vertices)]),
        np.concatenate([skin.uv * 0.5, ball_uv]),
        np.concatenate([skin.uv_triangles, ball.uv_triangles + len(skin.uv)]),
    )
    return render(both, atlas, View(), framing, 96).astype(float)


def test_parts_are_sound(rigs: dict[str, Rig]) -> None:
    for rig in rigs.values():
        assert sum(len(part.mesh.vertices) for part in rig.parts) - COUNT < 8000
        for part in rig.parts:
            mesh = part.mesh
            assert np.isfinite(mesh.vertices).all()
            assert np.isfinite(part.targets).all()
            assert mesh.triangles.max() < len(mesh.vertices)
            assert mesh.uv_triangles.max() < len(mesh.uv)
            assert mesh.triangles.min() >= 0
            assert mesh.uv.min() >= 0
            assert mesh.uv.max() <= 1
            assert part.texture.dtype == np.uint8
            assert part.targets.shape[1:] == mesh.vertices.shape
            assert part.stiff == part.name.startswith("Eye")


def test_parts_are_on_by_parameter() -> None:
    plain = build_rig(MODEL, *head("mean"), TEXTURE, AnimationParams(eyes=False, mouth=False))
    assert [part.name for part in plain.parts] == ["Head"]
    assert len(plain.part("Head").mesh.triangles) == len(MODEL.triangles)
    assert np.allclose(plain.part("Head").mesh.vertices, MODEL.mean)


def test_model_without_patches_gets_no_parts() -> None:
    open_model = replace(MODEL, regions=np.zeros_like(MODEL.regions))
    rig = build_rig(open_model, *head("mean"), TEXTURE, AnimationParams())
    assert [part.name for part in rig.parts] == ["Head"]


def test_rig_is_the_same_every_time(rigs: dict[str, Rig]) -> None:
    again = build_rig(MODEL, *head("smiling"), TEXTURE, AnimationParams())
    for one, other in zip(rigs["smiling"].parts, again.parts, strict=True):
        assert np.array_equal(one.targets, other.targets)
        assert np.array_equal(one.texture, other.texture)
        assert np.array_equal(one.mesh.vertices, other.mesh.vertices)


def test_transfer_keeps_expressions_of_an_undeformed_and_of_a_scaled_head() -> None:
    chosen = [NAMES.index(name) for name in ("jawOpen", "mouthSmileLeft", "browInnerUp")]
    basis, trust = MODEL.expression_basis[chosen].astype(float), np.ones(len(MODEL.triangles), bool)
    mean = MODEL.mean.astype(float)
    same = carry_expressions(basis, mean, mean, MODEL.triangles, trust)
    assert np.abs(same - basis).max() < 0.02
    larger = carry_expressions(basis, mean, 1.7 * mean, MODEL.triangles, trust)
    assert np.abs(larger - 1.7 * same).max() < 0.02


def test_gradients_of_a_linear_field() -> None:
    vertices = np.random.default_rng(1).standard_normal((6, 3))
    triangles = np.array([[0, 1, 2], [1, 3, 2], [3, 4, 5]])
    matrix, area = gradients(vertices, triangles)
    slope = np.array([0.3, -1.2, 0.7])
    found = (matrix @ (vertices @ slope)).reshape(-1, 3)
    for triangle, gradient, size in zip(triangles, found, area, strict=True):
        a, b = vertices[triangle[1]] - vertices[triangle[0]], vertices[triangle[2]] - vertices[triangle[0]]
        normal = np.cross(a, b)
        assert size == pytest.approx(np.linalg.norm(normal) / 2)
        normal /= np.linalg.norm(normal)
        assert np.allclose(gradient, slope - normal * (normal @ slope))


def test_falloff_meets_its_handles_and_ends() -> None:
    spread = Falloff(MODEL.mean, MODEL.triangles, MODEL.landmarks[48:60], 1.0)
    shift = np.tile([0.1, 0.0, -0.2], (12, 1))
    field = spread(shift)
    assert np.allclose(field[MODEL.landmarks[48:60]], shift)
    far = cKDTree(MODEL.mean[MODEL.landmarks[48:60]]).query(MODEL.mean)[0] > 1.0
    assert np.abs(field[far]).max() == 0
    assert np.abs(field).max() < 0.21


def test_openings_of_the_bundled_model() -> None:
    for region in ("eye_left", "eye_right", "mouth"):
        opening = find_opening(MODEL, region)
        rim = MODEL.mean[opening.rim]
        assert rim[opening.upper, 1].mean() > rim[opening.lower, 1].mean()
        assert opening.upper[0] == opening.lower[0]
        assert opening.upper[-1] == opening.lower[-1]
        assert (MODEL.regions[opening.rim] == 0).all()


def test_boundary_loop_and_arcs() -> None:
    fan = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]])
    assert boundary_loop(fan).tolist() == [1, 2, 3, 4]
    assert boundary_loop(np.concatenate([fan, [[7, 8, 9]]])) is None
    square = np.array([[-1.0, 0, 0], [0, -1, 0], [1, 0, 0], [0, 1, 0]])
    upper, lower = arcs(square)
    assert upper.tolist() == [0, 3, 2]
    assert lower.tolist() == [0, 1, 2]


def test_eyeball_distance_and_surface() -> None:
    ball = Eyeball(np.array([1.0, 2.0, 3.0]), 1.5, np.array([0.8, 1.2, 1.0]))
    points = np.random.default_rng(2).standard_normal((50, 3)) * 2 + ball.centre
    on_it = ball.surface(points)
    assert np.abs(ball.distance(on_it)).max() < 2e-3
    assert ball.distance(ball.centre + [0.0, 0.0, 2.0]) == pytest.approx(0.5, abs=1e-9)


def test_fitted_eyeball_follows_the_size_of_the_eye() -> None:
    rim = MODEL.mean[find_opening(MODEL, "eye_left").rim].astype(float)
    small, large = fit_eyeball(rim, rim), fit_eyeball(rim.mean(axis=0) + 1.5 * (rim - rim.mean(axis=0)), rim)
    assert large.radius / small.radius == pytest.approx(1.5, rel=0.05)
    assert (small.distance(rim) > 0.0).all()


def test_sphere_texture_runs_with_its_mesh() -> None:
    mesh = sphere_mesh(1.3)
    directions, exists = uv_directions(256)
    for vertex in range(0, len(mesh.vertices) - 1, 37):
        u, v = mesh.uv[vertex]
        row, column = int((1 - v) * 256), int(u * 256)
        assert exists[row, column]
        assert directions[row, column] @ mesh.vertices[vertex] / 1.3 > 0.99
    corners = mesh.vertices[mesh.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(axis=1)).sum(axis=1) > 0).all()


def test_iris_is_found_where_it_is_painted() -> None:
    size = 512
    y, x = np.mgrid[:size, :size]
    picture = np.full((size, size, 3), 225, np.float32)
    picture[np.hypot(x - 290, y - 250) < 95] = 60
    seen = ((x - 256) / 200.0) ** 2 + ((y - 256) / 80.0) ** 2 < 1
    iris = find_iris(picture, seen)
    assert iris.centre * size / 2 == pytest.approx([34, 6], abs=14)
    assert iris.radius * size / 2 == pytest.approx(95, abs=20)
    assert find_iris(np.full_like(picture, 128.0), seen).radius == 0


def test_completion_keeps_what_is_seen() -> None:
    rng = np.random.default_rng(3)
    painted_, base = rng.uniform(0, 255, (64, 64, 3)), np.full((64, 64, 3), 100.0)
    shown = np.zeros((64, 64), bool)
    shown[20:44, 16:48] = True
    result = complete(painted_, shown, base)
    assert np.allclose(result[24:40, 20:44], painted_[24:40, 20:44])
    assert np.abs(result[0, 0] - 100).max() < 1


def test_teeth_are_seen_as_such_by_their_brightness() -> None:
    lips = np.full((20, 3), 90.0)
    assert shows_teeth(lips, np.full((30, 3), 210.0))
    assert not shows_teeth(lips, np.full((30, 3), 60.0))
