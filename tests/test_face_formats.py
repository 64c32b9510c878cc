"""Readers of other face models: every published layout, its unit and axes, and what is wrong with a bad file."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from model_files import (
    Head,
    flame_arrays,
    in_unit,
    small_head,
    write_bfm,
    write_core,
    write_flame,
    write_ict,
    write_obj,
    write_testers,
)

from portrait_pipeline.base.errors import ModelError
from portrait_pipeline.base.numerics import steady_signs
from portrait_pipeline.convert.formats import FORMATS, UNITS, read_foreign
from portrait_pipeline.convert.formats.flame import JAW_OPEN
from portrait_pipeline.convert.formats.wavefront import read_obj
from portrait_pipeline.head.model import load_model

NAMES = ("jawOpen", "mouthSmileLeft")


@pytest.fixture(scope="module")
def head(model) -> Head:
    """Small on purpose: some triangles of the face, three components, two shapes."""
    return small_head(model, 3, NAMES, 1, (1, 2, 3, 4, 5, 6), every=16)


@pytest.fixture(scope="module")
def people(model, head) -> np.ndarray:
    """(6, 3, V, 3) persons of a bilinear population: shapes depend on who makes them."""
    rng = np.random.default_rng(2)
    basis, shapes = model.identity_basis[:4, head.origin], head.expression
    cross = 0.1 * rng.standard_normal((4, 2, 1, 1)) * model.identity_basis[4:6, head.origin][None]
    weights = rng.standard_normal((6, 4))
    neutral = head.mean + np.tensordot(weights, basis, axes=1)
    return np.stack([neutral, *(neutral + shapes[j] + np.tensordot(weights, cross[:, j], axes=1) for j in range(2))], 1)


def write(kind: str, folder: Path, head: Head) -> Path:
    """A file or folder of the format with the given head."""
    if kind == "ict":
        write_ict(folder / "ICT-FaceKit" / "FaceXModel", head)
        return folder / "ICT-FaceKit"
    if kind == "facewarehouse":
        pair = np.stack([head.mean + sign * head.identity[0] / np.sqrt(2.0) for sign in (1, -1)])
        write_testers(folder, np.stack([pair, *(pair + shape for shape in head.expression)], 1), head.triangles)
        return folder
    path = folder / {"bfm": "bfm.h5", "flame": "generic_model.pkl", "own": "own.h5", "mesh": "head.obj"}[kind]
    if kind == "bfm":
        write_bfm(path, head)
    elif kind == "flame":
        write_flame(path, flame_arrays(head))
    elif kind == "mesh":
        write_obj(path, head.mean, head.triangles)
    else:
        write_own(path, head)
    return path


def write_own(path: Path, head: Head, **changes: object) -> None:
    """Our own format with the least it needs and the shapes."""
    content = {
        "mean": head.mean,
        "triangles": head.triangles,
        "identity_basis": head.identity,
        "expression_basis": head.expression,
        "expression_names": np.array(head.names, "S"),
    } | changes
    with h5py.File(path, "w") as file:
        file.attrs["kind"], file.attrs["format_version"], file.attrs["name"] = "face_model", 1, "mine"
        for name, value in content.items():
            if value is not None:
                file[name] = value


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_lands_in_cm_with_y_up_and_z_out_of_the_face(kind, head, tmp_path):
    found, foreign = read_foreign(write(kind, tmp_path, head))
    assert found == kind
    assert np.abs(foreign.mean - head.mean).max() < 2e-5
    assert np.array_equal(foreign.triangles, head.triangles)
    upper, tip = foreign.mean[foreign.mean[:, 1].argmax()], foreign.mean[foreign.mean[:, 2].argmax()]
    assert upper[1] > tip[1] and abs(tip[0]) < 0.5 and np.ptp(foreign.mean[:, 0]) > 10.0
    if kind != "mesh":
        delta = foreign.identity_basis[0]
        assert np.abs(np.abs(delta) - np.abs(head.identity[0])).max() < 1e-4
        assert np.abs(foreign.expression_basis[0] - head.expression[0]).max() < 1e-4


def test_left_is_left_in_every_format(head, tmp_path):
    """mouthSmileLeft moves vertices with x > 0: the subject's left, image right."""
    for kind in ("ict", "facewarehouse", "bfm", "flame", "own"):
        _, foreign = read_foreign(write(kind, tmp_path / kind if (tmp_path / kind).mkdir() is None else tmp_path, head))
        moved = np.linalg.norm(foreign.expression_basis[1], axis=1)
        assert moved @ foreign.mean[:, 0] > 0


def test_a_unit_can_be_stated(head, tmp_path):
    write_obj(tmp_path / "m.obj", in_unit(head, 100.0).mean, head.triangles, digits=9)
    assert np.abs(read_foreign(tmp_path / "m.obj", unit=100.0)[1].mean - head.mean).max() < 1e-5
    assert UNITS["bfm"] == 0.1 and UNITS["flame"] == 100.0 and UNITS["facewarehouse"] == 10.0
    _, bfm = read_foreign(write("bfm", tmp_path, head))
    twice = bfm.through(2.0 * np.eye(3))
    assert np.allclose(twice.mean, 2 * bfm.mean) and np.allclose(twice.identity_basis, 2 * bfm.identity_basis)


# --- ICT-FaceKit -----------------------------------------------------------------------------------


def test_ict_names_become_arkits_and_halves_are_added(head, tmp_path):
    shapes = head.expression
    four = replace(
        head,
        names=("eyeBlink_L", "jawLeft", "browInnerUp_L", "browInnerUp_R"),
        expression=np.concatenate([shapes, 0.5 * shapes]),
    )
    _, foreign = read_foreign(write("ict", tmp_path, four))
    assert foreign.expression_names == ("eyeBlinkLeft", "jawLeft", "browInnerUp")
    assert np.abs(foreign.expression_basis[2] - 0.5 * (shapes[0] + shapes[1])).max() < 1e-5


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "identity001.obj").unlink(), "identity001.obj is missing"),
        (lambda f: (f / "jawOpen.obj").unlink(), "jawOpen.obj: missing"),
        (lambda f: (f / "jawOpen.obj").write_text("v 0 0 0\n"), "jawOpen.obj: 1 vertices, expected"),
        (lambda f: (f / "generic_neutral_mesh.obj").write_text("v 0 0 x\n"), "has no 3 numbers"),
        (lambda f: (f / "vertex_indices.json").write_text("{}"), "is no list of file names"),
        (lambda f: (f / "vertex_indices.json").write_text('{"expressions": ["../secret"]}'), "no list of file names"),
    ],
)
def test_damaged_ict_folders_name_the_file(damage, message, head, tmp_path):
    path = write("ict", tmp_path, head)
    damage(path / "FaceXModel")
    with pytest.raises(ModelError, match=message) as caught:
        read_foreign(path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


def test_obj_polygons_and_negative_indices(tmp_path):
    (tmp_path / "a.obj").write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 1\nf 1//1 2//1 3//1 4//1\nf -4 -3 -2\n"
    )
    mesh = read_obj(tmp_path / "a.obj")
    assert mesh.triangles.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]] and mesh.uv is None


# --- FaceWarehouse ---------------------------------------------------------------------------------


def vertices_of(foreign, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
    """The bilinear formula, spelled out."""
    result = foreign.mean.copy()
    for k, a in enumerate(identity):
        result += a * foreign.identity_basis[k]
    for j, e in enumerate(expression):
        result += e * foreign.expression_basis[j]
        for k, a in enumerate(identity):
            result += a * e * foreign.cross_basis[k, j]
    return result


def coefficients(foreign, neutral: np.ndarray) -> np.ndarray:
    basis = foreign.identity_basis.reshape(len(foreign.identity_basis), -1).astype(float)
    return np.linalg.lstsq(basis.T, (neutral - foreign.mean).ravel(), rcond=None)[0]


def test_facewarehouse_persons_come_back_with_all_expressions(head, people, tmp_path):
    write_testers(tmp_path, people, head.triangles)
    _, foreign = read_foreign(tmp_path)
    assert foreign.cross_basis.shape == (4, 2, len(head.mean), 3)  # the population has fewer dimensions than persons
    scores = np.stack([coefficients(foreign, person[0]) for person in people])
    for row, person in zip(scores, people, strict=True):
        for shape, weights in zip(person, ((0, 0), (1, 0), (0, 1)), strict=True):
            assert np.abs(vertices_of(foreign, row, np.array(weights)) - shape).max() < 1e-4
    assert np.allclose(scores.std(axis=0, ddof=1), 1.0, atol=1e-3)  # whitened
    assert np.allclose(scores.mean(axis=0), 0.0, atol=1e-3)


@pytest.mark.parametrize("reduced", [True, False])
def test_facewarehouse_core_tensor_reproduces_its_vertices(reduced, model, head, tmp_path):
    """C x w_person x w_shape, in dm, to 1e-4 cm; 3 shapes in 2 dimensions, or in their own."""
    rng = np.random.default_rng(3)
    shape_weights = rng.standard_normal((3, 2)) if reduced else np.eye(3)
    first = head.mean.ravel() / 10.0
    columns = shape_weights.shape[1]
    core = 0.02 * rng.standard_normal((3, columns, first.size))
    core[0] += rng.uniform(0.5, 1.0, (columns, 1)) * first
    people = np.c_[np.full(8, 1.0), 0.3 * rng.standard_normal((8, 2))]
    write_core(tmp_path, core, people, shape_weights if reduced else None)
    write_obj(tmp_path / "template.obj", head.mean, head.triangles)
    _, foreign = read_foreign(tmp_path / "blendshape_core.tensor" if reduced else tmp_path)
    wanted = 10.0 * np.einsum("pi,se,iev->psv", people, shape_weights, core).reshape(8, 3, -1, 3)
    centre = wanted.mean(axis=0)
    assert np.abs(foreign.mean - centre[0]).max() < 1e-4
    directions = np.linalg.svd(people - people.mean(axis=0), full_matrices=False)
    length = directions[1][:2] / np.sqrt(7.0) * steady_signs(directions[2][:2])
    scores = (people - people.mean(axis=0)) @ directions[2][:2].T / length
    for row, person in zip(scores, wanted, strict=True):
        for j in range(3):
            weights = np.eye(1, 2, j - 1)[0] if j else np.zeros(2)
            assert np.abs(vertices_of(foreign, row, weights) - person[j]).max() < 1e-4


def test_a_bilinear_model_keeps_its_cross_terms_in_our_file(model, tmp_path):
    """FaceModel.vertices with the cross basis against the formula, before and after a file."""
    rng = np.random.default_rng(4)
    cross = rng.standard_normal((2, 52, len(model.mean), 3)).astype(np.float32) * 0.1
    bilinear = replace(model, identity_basis=model.identity_basis[:2], cross_basis=cross)
    identity, expression = rng.standard_normal(2), np.zeros(52)
    expression[[3, 17]] = 0.4, 0.8
    plain = replace(bilinear, cross_basis=None).vertices(identity, expression)
    wanted = plain + np.einsum("k,j,kjvi->vi", identity, expression, cross)
    assert np.abs(bilinear.vertices(identity, expression) - wanted).max() < 1e-5
    bilinear.save(tmp_path / "m.h5")
    assert np.abs(load_model(tmp_path / "m.h5").vertices(identity, expression) - wanted).max() < 1e-3


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "Tester_2/Blendshape/shape.bs").write_bytes(b"123"), "says 0 shapes of 0 vertices"),
        (lambda f: os.truncate(f / "Tester_2/Blendshape/shape.bs", 999), "246 numbers for 2 shapes of"),
        (lambda f: (f / "Tester_2/Blendshape/shape.bs").unlink(), "missing"),
        (lambda f: (f / "Tester_1/TrainingPose/pose_0.obj").unlink(), "pose_0.obj: missing"),
        (
            lambda f: write_obj(f / "Tester_1/TrainingPose/pose_0.obj", np.eye(3), np.array([[0, 1, 2]])),
            "3 vertices, expected .* give --template",
        ),
    ],
)
def test_damaged_facewarehouse_names_the_file(damage, message, head, tmp_path):
    write("facewarehouse", tmp_path, head)
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        read_foreign(tmp_path)


def test_damaged_core_tensor_names_the_file(head, tmp_path):
    write_core(tmp_path, np.ones((2, 2, 9)), np.eye(3, 2), None)
    write_obj(tmp_path / "t.obj", np.eye(3), np.array([[0, 1, 2]]))
    read_foreign(tmp_path)
    file = tmp_path / "blendshape_core.tensor"
    whole = file.read_bytes()
    file.write_bytes(whole[:-8])
    with pytest.raises(ModelError, match=r"292 bytes for shape \(2, 2, 9\), expected 300"):
        read_foreign(tmp_path)
    file.write_bytes(whole)
    write_core(tmp_path / "other", np.ones((3, 2, 9)), np.eye(4, 3), None)
    (tmp_path / "other" / "blendshape_u_0_aug.tensor").rename(tmp_path / "blendshape_u_0_aug.tensor")
    with pytest.raises(ModelError, match="blendshape_u_0_aug.tensor: .* expected 2 columns"):
        read_foreign(tmp_path)
    (tmp_path / "blendshape_u_0_aug.tensor").unlink()
    with pytest.raises(ModelError, match="blendshape_u_0_aug.tensor: missing"):
        read_foreign(tmp_path)


# --- Basel Face Model ------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [True, False])
def test_bfm_components_are_one_standard_deviation(old, head, tmp_path):
    write_bfm(tmp_path / "model2019.h5", head, old)
    kind, foreign = read_foreign(tmp_path / "model2019.h5")
    assert kind == "bfm" and foreign.name == "model2019"
    assert np.abs(foreign.identity_basis - head.identity).max() < 1e-5
    assert np.isinf(foreign.expression_high).all() and (foreign.expression_spread == 1).all()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shape/model/pcaBasis", np.zeros((7, 3)), r"pcaBasis: shape \(7, 3\), expected \(\d+, 3\)"),
        ("shape/model/pcaVariance", -np.ones(3), "negative"),
        ("shape/model/mean", np.full(3, np.nan), "shape/model/mean: has a number that is not finite"),
        ("shape/representer/cells", np.full((3, 5), 10**6), "has the id 1000000, expected 0 to"),
        ("expression/model/mean", np.zeros(6), r"expression/model/mean: shape \(6,\), expected"),
        ("shape/representer/cells", None, "lacks the dataset shape/representer/cells"),
    ],
)
def test_damaged_bfm_names_the_dataset(name, value, message, head, tmp_path):
    path = write("bfm", tmp_path, head)
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None:
            file[name] = value
    with pytest.raises(ModelError, match=message):
        read_foreign(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError):
        read_foreign(path)


# --- FLAME -----------------------------------------------------------------------------------------


def test_flame_pickle_and_npz_agree_and_the_jaw_opens(head, tmp_path):
    arrays = flame_arrays(head)
    write_flame(tmp_path / "generic_model.pkl", arrays)
    np.savez(tmp_path / "flame.npz", **arrays)
    pickled, plain = (read_foreign(tmp_path / name)[1] for name in ("generic_model.pkl", "flame.npz"))
    for name in ("mean", "triangles", "identity_basis", "expression_basis"):
        assert np.array_equal(getattr(pickled, name), getattr(plain, name)), name
    assert plain.identity_basis.shape[0] == 300
    assert plain.expression_names == ("expression000", "expression001", "jawOpen", "jawLeft", "jawRight")
    chin = np.where(head.mean[:, 1] < -6.0, head.mean[:, 2], 0.0).argmax()
    opened = plain.expression_basis[2][chin]
    # Turned about the joint (here: the vertex furthest back) by the angle, as a rigid body.
    arm = head.mean[chin] - head.mean[head.mean[:, 2].argmin()]
    cosine, sine = np.cos(JAW_OPEN), np.sin(JAW_OPEN)
    turned = np.array([arm[0], cosine * arm[1] - sine * arm[2], sine * arm[1] + cosine * arm[2]])
    assert np.allclose(opened, turned - arm, atol=1e-4) and opened[1] < 0
    assert plain.expression_basis[3][chin][0] > 0 > plain.expression_basis[4][chin][0]
    assert plain.expression_high.tolist() == [np.inf, np.inf, 1, 1, 1]
    assert any("neck" in note for note in plain.notes)


def test_flame_pickle_of_a_new_python_is_read_too(head, tmp_path):
    (tmp_path / "flame2023.pkl").write_bytes(pickle.dumps(flame_arrays(head), protocol=5))
    assert np.abs(read_foreign(tmp_path / "flame2023.pkl")[1].mean - head.mean).max() < 1e-9


class Hostile:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.parametrize(
    "value",
    [
        Hostile(os.system, "touch PLACE"),
        Hostile(eval, "open('PLACE', 'w')"),
        Hostile(np.fromfile, "PLACE"),
        Hostile(np.zeros, (10**12,)),
        np.array([Hostile(os.system, "touch PLACE")], object),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_calls_functions_is_refused_unrun(value, protocol, head, tmp_path):
    arrays = flame_arrays(head) | {"weights": value}
    place = tmp_path / "run"
    text = pickle.dumps(arrays, protocol=protocol).replace(b"PLACE", b"xxxxx")
    (tmp_path / "bad.pkl").write_bytes(text)
    with pytest.raises(ModelError, match=r"bad.pkl: refused: it asks for \S+, which is not run") as caught:
        read_foreign(tmp_path / "bad.pkl")
    assert not place.exists() and not Path("xxxxx").exists() and "\n" not in str(caught.value)


def test_a_pickle_cannot_ask_for_memory_or_odd_types(head, tmp_path):
    """An array with more elements than bytes, an array made by its class, and one of objects."""
    huge = pickle.dumps({"v_template": np.zeros(2)}, protocol=2)
    arrays = (
        huge.replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
        pickle.dumps({"v_template": Hostile(np.ndarray, (10**9,))}, protocol=2),
        pickle.dumps({"v_template": np.array([None, 1], object)}, protocol=2),
        pickle.dumps({"v_template": np.array(["a"])}, protocol=2),
        pickle.dumps([1, 2]),
        b"",
        b"\x80\x02}q",
        b"not a pickle at all",
    )
    for content in arrays:
        (tmp_path / "bad.pkl").write_bytes(content)
        with pytest.raises(ModelError, match="bad.pkl"):
            read_foreign(tmp_path / "bad.pkl")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("shapedirs", np.zeros((4, 3, 400)), r"shapedirs: shape \(4, 3, 400\), expected \(\d+, 3, K\)"),
        ("weights", None, "lacks the array weights"),
        ("f", np.array([[0, 1, 10**6]]), "has the id 1000000"),
        ("posedirs", np.zeros(3), r"posedirs: shape \(3,\)"),
    ],
)
def test_damaged_flame_names_the_array(name, value, message, head, tmp_path):
    arrays = flame_arrays(head)
    del arrays[name]
    np.savez(tmp_path / "flame.npz", **arrays, **({} if value is None else {name: value}))
    with pytest.raises(ModelError, match=message):
        read_foreign(tmp_path / "flame.npz")


def test_truncated_flame_files_are_refused(head, tmp_path):
    for name, kind in (("generic_model.pkl", "flame"), ("flame.npz", "npz")):
        path = tmp_path / name
        write("flame", tmp_path, head) if kind == "flame" else np.savez(path, **flame_arrays(head))
        path.write_bytes(path.read_bytes()[:20_000])
        with pytest.raises(ModelError, match=name):
            read_foreign(path)


# --- our own ---------------------------------------------------------------------------------------


def test_a_complete_model_comes_back_from_our_file(model, tmp_path):
    statistical = replace(model, name="mine", expression_low=np.full(52, -np.inf), expression_spread=np.ones(52))
    statistical.save(tmp_path / "m.h5")
    again = load_model(str(tmp_path / "m.h5"))
    for name in vars(model).keys() - {"name", "cross_basis"}:
        if not name.startswith("_"):
            assert np.array_equal(getattr(again, name), getattr(statistical, name)), name
    assert again.name == "mine" and again.cross_basis is None and again.fits_pipeline
    assert load_model(None) is load_model("bundled") is model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": np.zeros((5, 2))}, r"'mean' has shape \(5, 2\), expected \(V, 3\)"),
        ({"mean": np.full((5, 3), np.inf)}, "'mean' has a number that is not finite|identity_basis"),
        ({"identity_basis": np.zeros((2, 4, 3))}, r"'identity_basis' has shape \(2, 4, 3\), expected \(K, \d+, 3\)"),
        ({"triangles": np.array([[0, 1, -1]])}, "'triangles' has -1, expected 0 to"),
        ({"triangles": None}, "lacks the dataset 'triangles'"),
        ({"expression_names": np.array(["a", "a"], "S")}, "'expression_names' has 'a' twice"),
        ({"landmarks": np.full(68, 10**6)}, "'landmarks' has 1000000"),
        ({"landmarks": np.zeros(5, int)}, r"'landmarks' has shape \(5,\), expected \(68\)"),
        ({"uv": np.full((3, 2), 1.5), "uv_triangles": None}, "expected some of the first two|uv"),
        ({"regions": np.full(1, 9)}, "'regions' has shape"),
        ({"expression_spread": np.zeros(2)}, "'expression_spread' must be above 0"),
        ({"mean": np.array(["a"], "S")}, "'mean' has shape|numbers"),
    ],
)
def test_damaged_files_of_our_own_name_the_dataset(changes, message, head, tmp_path):
    write_own(tmp_path / "own.h5", head, **changes)
    with pytest.raises(ModelError, match=message) as caught:
        read_foreign(tmp_path / "own.h5")
    assert "\n" not in str(caught.value)


def test_a_complete_file_is_demanded_by_the_pipeline(model, head, tmp_path):
    write_own(tmp_path / "own.h5", head)
    with pytest.raises(ModelError, match="lacks the dataset 'uv'; convert the model again"):
        load_model(tmp_path / "own.h5")
    broken = model.mirror.copy()
    broken[0], broken[1] = 5, 6
    replace(model, mirror=broken).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="'mirror' is no reflection"):
        load_model(tmp_path / "m.h5")
    contours = model.jaw_contours.copy()
    contours[3] = contours[4]
    replace(model, jaw_contours=contours).save(tmp_path / "m.h5")
    with pytest.raises(ModelError, match="a row of 'jaw_contours' lacks its landmark"):
        load_model(tmp_path / "m.h5")


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(head, tmp_path):
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file.attrs["kind"], file.attrs["format_version"] = "face_model", 1
        file.create_dataset("mean", (400_000, 3), "f4", compression="gzip")
        file.create_dataset("triangles", (5, 3), "i4")
        file.create_dataset("identity_basis", (5000, 400_000, 3), "f4", compression="gzip", chunks=True)
    with pytest.raises(ModelError, match="'identity_basis' of shape .* is too large"):
        read_foreign(tmp_path / "own.h5")


def test_unknown_and_missing_sources(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "a.h5").write_bytes(b"hello")
    for name, message in (
        ("a.txt", "no known face model"),
        ("none", "missing"),
        ("a.h5", "damaged, or no HDF5 file"),
        ("", "no known face model"),
    ):
        with pytest.raises(ModelError, match=message):
            read_foreign(tmp_path / name)
