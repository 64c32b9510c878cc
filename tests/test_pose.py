"""Expressions by name, rigs in a pose, and `portrait pose` as a user types it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner
from gltf_check import accessor_values, check_glb
from PIL import Image
from rigs import NAMES, small_rig

from portrait_pipeline.animation.aliases import ALIASES, known_names, parse_expressions
from portrait_pipeline.animation.pose import (
    LOOK_DOWN,
    LOOK_SIDE,
    LOOK_UP,
    Pose,
    eye_turn,
    look_coefficients,
    posed_part,
    posed_parts,
    quaternion,
)
from portrait_pipeline.animation.rig import Rig
from portrait_pipeline.base.errors import ParameterError
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.export.glb import write_rig_glb
from portrait_pipeline.export.posed_views import expression_row, picture
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.head.pose import rotation_from_angles

ARKIT = load_bundled_model().expression_names


@pytest.fixture(scope="module")
def rig() -> Rig:
    return small_rig()


@pytest.fixture
def head(rig: Rig, tmp_path: Path) -> Path:
    rig.save(tmp_path / "result" / "rig.h5")
    write_rig_glb(tmp_path / "result" / "head.glb", rig)
    return tmp_path / "result"


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["pose", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def test_names_sides_and_everyday_words():
    assert parse_expressions(["jawOpen=0.6,smile=0.4"], ARKIT) == {
        "jawOpen": 0.6,
        "mouthSmileLeft": 0.4,
        "mouthSmileRight": 0.4,
    }
    assert parse_expressions([" eyeBlinkLeft = 1 ", "cheekSquint=.5"], ARKIT) == {
        "eyeBlinkLeft": 1.0,
        "cheekSquintLeft": 0.5,
        "cheekSquintRight": 0.5,
    }
    assert parse_expressions(["smile=0.4", "mouthSmileLeft=1"], ARKIT) == {
        "mouthSmileLeft": 1.0,
        "mouthSmileRight": 0.4,
    }  # the later one wins
    assert parse_expressions(["lookLeft=1"], ARKIT) == {"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}


def test_every_word_stands_for_expressions_of_the_model():
    known = known_names(ARKIT)
    assert set(ALIASES) | set(ARKIT) <= set(known)
    assert all(set(parts) <= set(ARKIT) for parts in known.values())
    assert known["mouthLeft"] == ("mouthLeft",) and known["mouth"] == ("mouthLeft", "mouthRight")
    assert known_names(("a", "bLeft")) == {"a": ("a",), "bLeft": ("bLeft",)}  # no aliases for what is not there


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("jawopen=1", "did you mean jawOpen"),
        ("smlie=1", "did you mean smile"),
        ("brow=1", "browInnerUp|browDown|browUp"),
        ("zzzz=1", "--list"),
        ("jawOpen", "must be NAME=VALUE"),
        ("=1", "must be NAME=VALUE"),
        ("", "must be NAME=VALUE"),
        ("jawOpen=1.2", "'1.2'; it must be a number from 0"),
        ("jawOpen=-0.1", "from 0"),
        ("jawOpen=nan", "from 0"),
        ("jawOpen=wide", "'wide'"),
    ],
)
def test_a_wrong_expression_is_one_line(item, message):
    with pytest.raises(ParameterError, match=message) as caught:
        parse_expressions([item], ARKIT)
    assert "\n" not in str(caught.value)


def test_quaternions_are_the_head_rotations():
    for angles in np.random.default_rng(0).uniform(-180, 180, (50, 3)):
        x, y, z, w = quaternion(*angles)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        assert w >= 0
        assert np.allclose(np.eye(3) + 2 * w * cross + 2 * cross @ cross, rotation_from_angles(*angles))


def test_eyes_look_where_they_should(rig):
    """Left is the subject's and image right; both eyes look the same way."""
    for x, y in ((LOOK_SIDE, 0), (-LOOK_SIDE, 0), (0, LOOK_UP), (0, -LOOK_DOWN), (12.0, -7.0)):
        values = look_coefficients(x, y)
        expression = np.array([values.get(name, 0.0) for name in NAMES])
        for name in ("EyeLeft", "EyeRight"):
            assert eye_turn(name, NAMES, expression) == pytest.approx((x, y, 0))
    expression = np.array([float(name == "eyeLookInLeft") for name in NAMES])
    assert eye_turn("EyeLeft", NAMES, expression) == (-LOOK_SIDE, 0, 0)  # towards the nose
    assert eye_turn("EyeRight", NAMES, expression) == (0, 0, 0)
    for x, y in ((31, 0), (0, 26), (0, -31), (np.nan, 0)):
        with pytest.raises(ParameterError, match="--gaze"):
            look_coefficients(x, y)


def test_neutral_is_the_rest_and_coefficients_add_up(rig):
    neutral = Pose(np.zeros(len(NAMES)))
    for part, posed in zip(rig.parts, posed_parts(rig, neutral), strict=True):
        rest = part.mesh.vertices if part.targets.size else part.pivot + part.mesh.vertices * part.stretch
        assert np.allclose(posed.mesh.vertices, rest, atol=1e-12)
    weights = np.random.default_rng(1).uniform(0, 1, len(NAMES))
    head = rig.parts[0]
    expected = head.mesh.vertices + sum(w * t for w, t in zip(weights, head.targets, strict=True))
    assert np.allclose(posed_part(rig, head, Pose(weights)), expected, atol=1e-6)


def test_the_head_turns_about_its_neck(rig):
    still = Pose(rig.expression)
    nose = np.argmax(rig.parts[0].mesh.vertices[:, 2])
    before = posed_part(rig, rig.parts[0], still)[nose]
    yaw, pitch, roll = (
        posed_part(rig, rig.parts[0], replace(still, **{name: 20.0}))[nose] for name in ("yaw", "pitch", "roll")
    )
    assert yaw[0] > before[0] + 2 and pitch[1] > before[1] + 2  # to image right; lifted
    assert roll[0] < before[0]  # anticlockwise: what is above the neck goes to image left
    for pose in (still, Pose(rig.expression, 30, -20, 10)):
        for part in rig.parts:  # rigid: no distance to the neck changes
            moved = posed_part(rig, part, pose)
            assert np.allclose(
                np.linalg.norm(moved - rig.neck, axis=1),
                np.linalg.norm(posed_part(rig, part, still) - rig.neck, axis=1),
            )


def test_a_mirrored_expression_gives_the_mirrored_head():
    model = load_bundled_model()
    swap = [ARKIT.index(name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")) for name in ARKIT]
    weights = np.random.default_rng(2).uniform(0, 1, len(ARKIT))
    head = replace(small_rig().parts[0], mesh=model.mesh(), targets=model.expression_basis)
    rig = Rig((head,), ARKIT, np.zeros(len(ARKIT)), np.zeros(3))
    left, right = (posed_part(rig, head, Pose(w, yaw)) for w, yaw in ((weights, 10.0), (weights[swap], -10.0)))
    assert np.abs(left[model.mirror] * [-1, 1, 1] - right).max() < 0.1  # as far as the model itself is symmetric


def test_pictures_of_expressions_share_a_frame(rig):
    pictures = [picture(rig, Pose(np.array([jaw] + [0.0] * (len(NAMES) - 1))), 64) for jaw in (0.0, 1.0)]
    assert np.array_equal(pictures[0][:28], pictures[1][:28])  # only the lower half moves
    assert not np.array_equal(pictures[0], pictures[1])


def test_posed_glb(rig, head, tmp_path):
    output = tmp_path / "out.glb"
    text = run(head, "--expression", "jawOpen=0.6,mouthSmile=0.4", "--yaw", 20, "-o", output)
    assert text.strip() == str(output)
    document, _ = check_glb(output.read_bytes())
    weights = dict(zip(NAMES, document["meshes"][0]["weights"], strict=True))
    assert weights["jawOpen"] == 0.6 and weights["mouthSmileLeft"] == weights["mouthSmileRight"] == 0.4
    nodes = {node["name"]: node for node in document["nodes"]}
    assert nodes["Portrait"]["rotation"] == pytest.approx([0, np.sin(np.pi / 18), 0, np.cos(np.pi / 18)])
    assert "rotation" not in nodes["EyeLeft"]
    run(head, "--neutral", "--gaze", "15,0", "-o", tmp_path / "again.glb")
    document, _ = check_glb((tmp_path / "again.glb").read_bytes())
    weights = dict(zip(NAMES, document["meshes"][0]["weights"], strict=True))
    assert weights["jawOpen"] == 0 and weights["eyeLookOutLeft"] == weights["eyeLookInRight"] == 0.5
    nodes = {node["name"]: node for node in document["nodes"]}
    assert "rotation" not in nodes["Portrait"]
    assert nodes["EyeLeft"]["rotation"] == nodes["EyeRight"]["rotation"]
    assert nodes["EyeLeft"]["rotation"][1] > 0


def test_unnamed_expressions_stay_as_the_picture_shows_them(rig, head, tmp_path):
    run(head, "-e", "eyeBlink=1", "-o", tmp_path / "out.glb")
    weights = check_glb((tmp_path / "out.glb").read_bytes())[0]["meshes"][0]["weights"]
    assert weights[:5] == [*rig.expression[:3].tolist(), 1.0, 1.0]


def test_posed_obj(rig, head, tmp_path):
    run(head / "head.glb", "-e", "jawOpen=1", "--pitch", 10, "-o", tmp_path / "out" / "posed.obj")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [
        "posed.mtl",
        "posed.obj",
        *(f"posed_{part}.png" for part in ("EyeLeft", "EyeRight", "Head", "Teeth")),
    ]
    expression = rig.expression.copy()
    expression[0] = 1
    expected = np.concatenate([posed_part(rig, part, Pose(expression, 0, 10)) for part in rig.parts])
    lines = (tmp_path / "out" / "posed.obj").read_text().splitlines()
    places = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float) * 100
    assert np.abs(places - expected).max() < 2e-3
    assert len(trimesh.load(tmp_path / "out" / "posed.obj", process=False, split_object=True).geometry) == 4


def test_posed_picture(head, tmp_path):
    for name, options in (("a", ()), ("b", ()), ("c", ("--yaw", 60))):
        run(head, *options, "--size", 96, "-o", tmp_path / f"{name}.png")
    a, b, c = (np.array(Image.open(tmp_path / f"{name}.png")) for name in "abc")
    assert a.shape == (96, 96, 3) and np.array_equal(a, b)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    green = (np.abs(a.astype(int) - (20, 200, 20)) < 20).all(axis=2).sum()
    assert (np.abs(c.astype(int) - (20, 200, 20)) < 20).all(axis=2).sum() < 0.6 * green  # its side turned away


def test_list_names_expressions_and_words(head):
    lines = run(head, "--list").splitlines()
    assert "jawOpen = 0.25" in lines and "smile: mouthSmileLeft, mouthSmileRight" in lines


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("-e", "jawopn=1", "-o", "x.glb"),
            "portrait: --expression: no expression is called 'jawopn'; did you mean jaw",
        ),
        (("-o", "x.fbx"), "x.fbx: '.fbx' is not a known suffix; use .glb, .usdz, .obj, .png"),
        (("--gaze", "90,0", "-o", "x.glb"), "--gaze 90,0"),
        ((), "needs -o FILE.glb"),
        (("-o", "with blank.obj"), "blank"),
    ],
)
def test_a_wrong_call_is_one_line(head, tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    output = run(head, *options, status=1)
    assert message in output and len(output.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result"]


def test_wrong_options_and_heads(head, tmp_path):
    for options in (("--yaw", "200"), ("--gaze", "1"), ("--size", "1")):
        assert "Invalid value" in run(head, *options, "-o", tmp_path / "x.png", status=2)
    run(head, "-o", tmp_path / "posed.glb")
    for other in (tmp_path, tmp_path / "nothing", tmp_path / "posed.glb", head / "posed.glb"):
        output = run(other, "-o", tmp_path / "x.png", status=1)
        assert f"portrait: {other}: has no rig" in output and len(output.splitlines()) == 1
    rig = Rig.load(head / "rig.h5")
    wrong = replace(rig.parts[0], mesh=replace(rig.parts[0].mesh, vertices=rig.parts[0].mesh.vertices[:9]))
    replace(rig, parts=(wrong, *rig.parts[1:])).save(head / "rig.h5")
    assert "expected f of shape (E, 9, 3)" in run(head, "-o", tmp_path / "x.png", status=1)
    (head / "rig.h5").write_text("not a rig")
    assert "damaged" in run(head, "-o", tmp_path / "x.png", status=1)


def test_posing_loads_no_network(head, tmp_path):
    code = (
        "import sys; from portrait_pipeline.commands.portrait import main\n"
        f"main(['pose', {str(head)!r}, '-o', {str(tmp_path / 'out.glb')!r}], standalone_mode=False)\n"
        "print('heavy', sorted({'torch', 'dlib', 'sklearn', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "heavy []" in output


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_frames_become_an_animation(rig, head, tmp_path):
    """Weights and rotations at every frame are those of the same pose by itself."""
    rng = np.random.default_rng(4)
    rows = rng.uniform(0, 1, (6, 3)).round(3)
    turns = np.array([[0, 0, 0], [90, 0, 0], [170, 10, 0], [-170, 10, 0], [-90, 0, 5], [0, 0, 0]], float)
    lines = ["time,jawOpen,mouthSmile,eyeLookOutLeft,yaw,pitch,roll"]
    lines += [",".join(map(str, [k / 4, *rows[k], *turns[k]])) for k in range(6)]
    frames = table(tmp_path / "frames.csv", "\n".join(lines) + "\n")
    run(head, "--frames", frames, "-o", tmp_path / "out.glb")
    document, binary = check_glb((tmp_path / "out.glb").read_bytes())
    (animation,) = document["animations"]
    tracks = {}
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        assert np.allclose(accessor_values(document, binary, sampler["input"])[:, 0], np.arange(6) / 4)
        tracks[document["nodes"][target["node"]]["name"]] = accessor_values(document, binary, sampler["output"])
    assert set(tracks) == {"Head", "Portrait", "EyeLeft", "EyeRight"}
    expression = np.tile(rig.expression, (6, 1))
    expression[:, :3], expression[:, NAMES.index("eyeLookOutLeft")] = rows[:, [0, 1, 1]], rows[:, 2]
    assert np.allclose(tracks["Head"].reshape(6, -1), expression, atol=1e-6)
    for k in range(6):
        assert abs(abs(tracks["Portrait"][k] @ quaternion(*turns[k])) - 1) < 1e-6
        assert abs(tracks["EyeLeft"][k] @ quaternion(*eye_turn("EyeLeft", NAMES, expression[k])) - 1) < 1e-6
    assert ((tracks["Portrait"][1:] * tracks["Portrait"][:-1]).sum(axis=1) > 0).all()  # the short way round
    assert document["meshes"][0]["weights"] == pytest.approx(expression[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("time,jawOpen\n", "no frame"),
        ("jawOpen\n0\n", "needs one column 'time'"),
        ("time,jawOpen,jawOpen\n0,0,0\n", "no column twice"),
        ("time,jawopen\n0,0\n", "no expression is called 'jawopen'; did you mean jaw"),
        ("time,jawOpen\n0,0\n1\n", "line 3 has 1 values for 2 columns"),
        ("time,jawOpen\n0,wide\n", "line 2: 'wide' is not a number"),
        ("time,jawOpen\n0,0\n1,1.5\n", "line 3: jawOpen is 1.5; it must be from 0 to 1"),
        ("time,jawOpen\n0,nan\n", "line 2: jawOpen is nan"),
        ("time,yaw\n0,200\n", "yaw is 200"),
        ("time,jawOpen\n0,0\n1,0\n1,0\n", "line 4: the time must increase"),
        ("time,jawOpen\n-1,0\n", "time is -1"),
    ],
)
def test_a_wrong_table_is_one_line(head, tmp_path, text, message):
    output = run(head, "--frames", table(tmp_path / "f.csv", text), "-o", tmp_path / "x.glb", status=1)
    assert message in output and "f.csv" in output and len(output.splitlines()) == 1
    assert not (tmp_path / "x.glb").exists()


def test_frames_need_a_glb(head, tmp_path):
    frames = table(tmp_path / "f.csv", "time\n0\n")
    for options in (("-o", tmp_path / "x.png"), ("--yaw", 5, "-o", tmp_path / "x.glb")):
        assert "--frames" in run(head, "--frames", frames, *options, status=1)
    assert "cannot be read" in run(head, "--frames", tmp_path / "none.csv", "-o", tmp_path / "x.glb", status=1)


def test_the_row_of_expressions_shows_the_face(rig):
    row = expression_row(rig_of_the_model(), 96, (245, 244, 241))
    assert [caption for caption, _ in row][:4] == ["Neutral", "Smile", "Jaw open", "Blink"]
    pictures = np.stack([picture for _, picture in row]).astype(int)
    assert pictures.shape == (5, 96, 96, 3)
    differ = np.abs(pictures[1:] - pictures[0]).max(axis=3) > 8
    rows = [np.flatnonzero(change.any(axis=1)) for change in differ]  # mouth and jaw are below, lids above
    assert rows[1].max() > 70 and rows[2].max() < 60 and rows[2].min() < 40
    assert (
        expression_row(
            replace(
                rig, parts=(replace(rig.parts[0], targets=rig.parts[0].targets[:0]),), names=(), expression=np.zeros(0)
            ),
            32,
            (0, 0, 0),
        )
        == []
    )


def rig_of_the_model() -> Rig:
    """The mean head, striped, so that every movement is seen."""
    model = load_bundled_model()
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[::8], stripes[1::8], stripes[2::8], stripes[3::8] = 255, 255, 255, 255
    head = replace(small_rig().parts[0], mesh=model.mesh(), targets=model.expression_basis, texture=stripes)
    return Rig((head,), ARKIT, np.zeros(len(ARKIT)), np.zeros(3))
