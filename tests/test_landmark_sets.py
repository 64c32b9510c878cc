"""Landmark sets from a user's files: formats, bad files, pose, outliers, missing points, weights, groups, split."""

import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from skimage import data as skimage_data

from portrait_pipeline.base.errors import InputFileError, LandmarkError, ParameterError
from portrait_pipeline.base.images import save_image
from portrait_pipeline.base.params import validate
from portrait_pipeline.head.pose import angles_from_rotation, linear_pose, rotation_from_angles
from portrait_pipeline.perception import files
from portrait_pipeline.perception.files import write_points
from portrait_pipeline.pipeline.params import Params
from portrait_pipeline.shapes import arrays, generate, sets
from portrait_pipeline.shapes.alignment import align, apply
from portrait_pipeline.shapes.arrays import read_arrays_file
from portrait_pipeline.shapes.collection import Faces, collect
from portrait_pipeline.shapes.fill_in import complete, fit_gaussian
from portrait_pipeline.shapes.filters import POSE_ROWS, estimate_pose, mend_crossings, outlier_distance
from portrait_pipeline.shapes.generate import generate_art, generate_normal
from portrait_pipeline.shapes.params import LandmarkSetsParams, ShapeSpaceParams
from portrait_pipeline.shapes.points import mirror
from portrait_pipeline.shapes.sets import MAX_PITCH, MAX_YAW, OUTLIERS, LandmarkSet, build_set
from portrait_pipeline.shapes.space import ShapeSet, build_shape_space, split
from portrait_pipeline.shapes.validity import crossing

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def faces(model):
    return generate_normal(model, 400, np.random.default_rng(3))


@pytest.fixture(scope="module")
def art(model):
    return generate_art(model, 1200, np.random.default_rng(4))


def write_pts(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pts":
        write_points(path, points)
    else:
        path.write_text("\n".join(f"{x:.3f},{y:.3f}" for x, y in points) + "\n")


# --- files ----------


def test_every_format_gives_the_same_faces(tmp_path, faces):
    some = np.round(faces[:6], 3)
    for index, points in enumerate(some):
        write_pts(tmp_path / "pts" / f"{index}.pts", points)
        write_pts(tmp_path / "txt" / f"{index}.txt", points)
    np.savez_compressed(tmp_path / "faces.npz", landmarks=some)
    with h5py.File(tmp_path / "faces.h5", "w") as file:
        file["landmarks"] = some
    for name in ("pts", "txt", "faces.npz", "faces.h5"):
        result = collect(tmp_path / name)
        assert np.allclose(result.landmarks, some, atol=1e-9), name
        assert result.known.all() and not result.occluded.any() and len(set(result.groups)) == 6, name
    assert len(collect(tmp_path).landmarks) == 24  # mixed in one folder


def test_sub_folders_and_named_groups_keep_faces_together(tmp_path, faces):
    for name in ("dix/a.pts", "dix/b.pts", "chagall/a.pts", "loose.pts"):
        write_pts(tmp_path / name, faces[0])
    np.savez(tmp_path / "set.npz", landmarks=faces[:3], group=np.array([7, 7, 8]))
    with h5py.File(tmp_path / "named.h5", "w") as file:
        file["landmarks"] = faces[:2]
        file["group"] = ["Käthe", "Käthe"]
    (tmp_path / "more").mkdir()
    np.savez(tmp_path / "more" / "plain.npz", landmarks=faces[:2])  # many faces in a sub-folder are no group
    groups = collect(tmp_path).groups.tolist()
    assert groups.count("more/plain.npz#0") == groups.count("more/plain.npz#1") == 1
    assert [groups.count(name) for name in ("dix/", "chagall/", "loose.pts#0", "7", "8", "Käthe")] == [2, 1, 1, 2, 1, 2]


def test_other_files_are_passed_over(tmp_path, faces):
    write_pts(tmp_path / "face.pts", faces[0])
    write_pts(tmp_path / ".hidden" / "face.pts", faces[0])
    for name in ("README.txt", "licence.txt", "notes.md", ".DS_Store"):
        (tmp_path / name).write_text("no points")
    assert len(collect(tmp_path).landmarks) == 1


def test_an_image_with_points_beside_it_uses_them(tmp_path, faces, monkeypatch):
    save_image(tmp_path / "a.png", np.zeros((512, 512, 3), np.uint8))
    write_pts(tmp_path / "a.png.pts", faces[5])
    monkeypatch.setattr("portrait_pipeline.perception.locate.find_face", None)  # must not be asked
    result = collect(tmp_path)
    assert np.allclose(result.landmarks, faces[5][None], atol=1e-3)


def test_missing_points_are_nan_in_text_and_nan_or_invalid_in_arrays(tmp_path, faces):
    lines = [f"{x:.3f} {y:.3f}" for x, y in faces[0]]
    lines[3] = "nan nan"
    (tmp_path / "a.txt").write_text("\n".join(lines))
    holes = faces[:2].copy()
    holes[1, 40] = np.nan
    occluded = np.zeros((2, 68), bool)
    occluded[0, [5, 6]] = True
    np.savez(tmp_path / "b.npz", landmarks=holes, valid=np.arange(68) != 5, occluded=occluded)
    result = collect(tmp_path)
    assert [np.flatnonzero(~known).tolist() for known in result.known] == [[3], [5], [5, 40]]
    assert np.isnan(result.landmarks[~result.known]).all() and np.isfinite(result.landmarks[result.known]).all()
    assert np.argwhere(result.occluded).tolist() == [[1, 6]]  # a missing point is not also occluded
    with pytest.raises(LandmarkError, match="line 4: 'nan nan' is not finite"):
        files.read_points(tmp_path / "a.txt")  # a single portrait needs all of its points


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"landmarks": np.zeros((4, 67, 2))}, r"'landmarks' has shape \(4, 67, 2\), expected \(N, 68, 2\)"),
        ({"landmarks": np.zeros((0, 68, 2))}, "holds 0 faces"),
        ({"landmarks": np.full((2, 68, 2), "x")}, "expected numbers"),
        ({"landmarks": np.full((2, 68, 2), np.inf)}, "infinite coordinate"),
        ({"points": np.zeros((2, 68, 2))}, "has no array 'landmarks'"),
        ({"landmarks": np.zeros((2, 68, 2)), "valid": np.ones(67, bool)}, r"'valid' has shape \(67,\)"),
        ({"landmarks": np.zeros((2, 68, 2)), "valid": np.ones(68)}, "'valid' holds float64, expected bool"),
        ({"landmarks": np.zeros((2, 68, 2)), "occluded": np.ones(68, bool)}, r"'occluded' has shape \(68,\)"),
        ({"landmarks": np.zeros((2, 68, 2)), "group": np.arange(3)}, r"'group' has shape \(3,\)"),
        ({"landmarks": np.array([{}], object)}, "pickled objects, which are never loaded"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "set.npz"
    np.savez(path, **content)
    with pytest.raises(LandmarkError, match=message) as caught:
        read_arrays_file(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_and_oversized_files_are_refused(tmp_path, faces, monkeypatch):
    path = tmp_path / "set.npz"
    np.savez(path, landmarks=faces)
    whole = path.read_bytes()
    for wrong in (b"", b"no zip", whole[:-200], pickle.dumps([1])):
        path.write_bytes(wrong)
        with pytest.raises(LandmarkError, match=r"damaged, or no \.npz"):
            read_arrays_file(path)
    with zipfile.ZipFile(path, "w") as archive:  # a header that promises more than there is
        archive.writestr(
            "landmarks.npy",
            whole[30:400].split(b"\x93NUMPY")[0]
            + b"\x93NUMPY\x01\x00v\x00"
            + (b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000, 68, 2), }".ljust(117) + b"\n"),
        )
    with pytest.raises(LandmarkError, match="damaged"):
        read_arrays_file(path)
    (tmp_path / "set.h5").write_bytes(b"no hdf5")
    with pytest.raises(LandmarkError, match="damaged, or no HDF5"):
        read_arrays_file(tmp_path / "set.h5")
    np.savez_compressed(path, landmarks=np.zeros((400, 68, 2)))  # small on disk, large when unpacked
    monkeypatch.setattr(arrays, "MAX_BYTES", 100_000)
    with pytest.raises(LandmarkError, match="is too large: at most"):
        read_arrays_file(path)
    path.write_bytes(whole)
    with pytest.raises(LandmarkError, match="too large"):
        read_arrays_file(path)


def test_an_hdf5_file_cannot_point_elsewhere(tmp_path, faces):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["landmarks"] = faces[:2]
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["landmarks"] = h5py.ExternalLink("other.h5", "/landmarks")
    with pytest.raises(LandmarkError, match="is a link to somewhere else"):
        read_arrays_file(tmp_path / "set.h5")


def test_bad_files_stop_the_run_or_are_left_out_and_named(tmp_path, faces, monkeypatch):
    write_pts(tmp_path / "good.pts", faces[0])
    write_pts(tmp_path / "flipped.pts", faces[0] * [-1, 1])
    (tmp_path / "short.txt").write_text("1 2\n")
    upside_down = faces[:3].copy()
    upside_down[1] *= [1, -1]
    np.savez(tmp_path / "set.npz", landmarks=upside_down)
    save_image(tmp_path / "z.png", np.zeros((64, 64, 3), np.uint8))
    with monkeypatch.context() as patch:
        patch.setattr("portrait_pipeline.perception.locate.find_face", None)  # no search before the cheap checks
        with pytest.raises(InputFileError, match=r"flipped\.pts: the face is mirrored.*\(and 1 more bad.*skip") as e:
            collect(tmp_path)
    assert "\n" not in str(e.value)
    result = collect(tmp_path, skip=True)
    assert len(result.landmarks) == 3 and len(result.bad) == 3 and len(result.no_face) == 1
    assert any("set.npz: face 1: the face is mirrored" in line for line in result.bad)
    (tmp_path / "flipped.pts").unlink()
    (tmp_path / "short.txt").unlink()
    with pytest.raises(InputFileError, match=r"set\.npz: face 1: .*and 1 more"):
        collect(tmp_path)


def test_a_source_that_holds_nothing_is_named(tmp_path):
    with pytest.raises(InputFileError, match="no such folder or file"):
        collect(tmp_path / "nowhere")
    with pytest.raises(InputFileError, match="holds no image"):
        collect(tmp_path)
    (tmp_path / "set.csv").write_text("1,2")
    with pytest.raises(InputFileError, match="is no folder and no .npz or .h5 file"):
        collect(tmp_path / "set.csv")


def test_several_processes_find_what_one_finds(tmp_path):
    face = skimage_data.astronaut()[:260, 90:350]
    for index, picture in enumerate((face, face[:, ::-1], face[10:], face[:, 10:])):
        save_image(tmp_path / "astronaut" / f"{index}.png", picture)
    steps = []
    one = collect(tmp_path, progress=lambda *report: steps.append(report[:2]), workers=1)
    two = collect(tmp_path, workers=2)
    assert len(one.landmarks) == 4 and steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert np.array_equal(one.landmarks, two.landmarks) and one.groups.tolist() == two.groups.tolist()
    assert np.abs(mirror(one.landmarks[1], 130) - one.landmarks[0]).mean() < 3


# --- pose ----------


def test_the_pose_of_the_mean_face_is_exact_whatever_the_frame(model):
    rng = np.random.default_rng(0)
    shape = model.mean[model.landmarks]
    for _ in range(20):
        angles = rng.uniform(-50, 50, 3)
        turned = shape @ rotation_from_angles(*angles).T
        view = turned[:, :2] * [1, -1] * rng.uniform(1, 90) + rng.uniform(-500, 500, 2)
        assert np.allclose(estimate_pose(view[None], model)[0], angles, atol=1e-6)


def test_the_pose_agrees_with_the_fit_of_one_face(model, art):
    known = np.random.default_rng(1).random((30, 68)) < 0.7
    poses = estimate_pose(np.where(known[..., None], art[:30], np.nan), model, known)
    for points, seen, pose in zip(art[:30], known, poses, strict=True):
        rows = POSE_ROWS[seen[POSE_ROWS]]
        camera = linear_pose(model.mean[model.landmarks[rows]].astype(float), points[rows], np.ones(len(rows)))
        assert np.allclose(pose, angles_from_rotation(camera.rotation), atol=1e-6)


@pytest.mark.parametrize(("batch", "yaw_error", "pitch_error"), [("_normal_batch", 2.6, 3.7), ("_art_batch", 3.8, 5.6)])
def test_the_pose_of_generated_faces_is_found(model, monkeypatch, batch, yaw_error, pitch_error):
    rng = np.random.default_rng(5)
    angles = rng.uniform(-1, 1, (1500, 3)) * [45, 30, 10]
    monkeypatch.setattr(
        generate, "sample_rotations", lambda n, rng: np.stack([rotation_from_angles(*triple) for triple in angles])
    )
    points = getattr(generate, batch)(model, generate._basis(model), 1500, rng)
    error = np.sqrt(np.mean((estimate_pose(points, model) - angles) ** 2, axis=0))
    assert error[0] < yaw_error and error[1] < pitch_error


def test_a_face_with_hardly_any_points_has_no_pose(model, faces):
    known = np.zeros((2, 68), bool)
    known[1, 17:25] = True
    poses = estimate_pose(faces[:2], model, known)
    assert np.isnan(poses[0]).all() and np.isfinite(poses[1]).all()


def test_generated_faces_face_the_viewer_and_their_mirror_images_turn_the_other_way(model, faces, art):
    for landmarks, domain in ((faces, "normal"), (art, "art")):
        pose = estimate_pose(landmarks, model)
        assert ((np.abs(pose[:, 0]) <= MAX_YAW[domain]) & (np.abs(pose[:, 1]) <= MAX_PITCH[domain])).mean() > 0.999
        reflected = estimate_pose(mirror(landmarks, 256), model)
        assert np.abs(reflected * [-1, 1, -1] - pose).max() < 3  # the mean face itself is not quite symmetric


# --- outliers and crossings ----------


def test_clean_sets_stay_and_slipped_points_are_found(faces, art):
    params = LandmarkSetsParams()
    for landmarks, limit in ((faces, params.outliers), (art, params.outliers * OUTLIERS["art"])):
        distance = outlier_distance(landmarks)
        assert np.median(distance) == pytest.approx(1) and (distance <= limit).mean() > 0.98
    wrong = faces.copy()
    wrong[3, [4, 12]] = wrong[3, [12, 4]]
    wrong[50, 37:42] = wrong[50, 41:36:-1]
    wrong[77, 8] += [0, 90]
    assert set(np.flatnonzero(outlier_distance(wrong) > params.outliers)) >= {3, 50, 77}


def test_outlier_distance_does_not_see_the_frame(faces):
    turn = np.array([[0.3, -1.9, 40.0], [1.9, 0.3, -700.0]])
    assert np.allclose(outlier_distance(apply(turn, faces[:60])), outlier_distance(faces[:60]), atol=1e-6)
    assert (outlier_distance(faces[:10]) == 1).all()


def test_overlapping_lips_are_parted_and_tangled_faces_reported(faces):
    bad = faces[:4].copy()
    bad[1, 62, 1] = bad[1, 66, 1] + 6
    bad[2, [5, 8]] = bad[2, [8, 5]]
    mended, crossed = mend_crossings(bad)
    assert crossed.tolist() == [False, False, True, False]
    assert np.array_equal(mended[[0, 3]], bad[[0, 3]]) and not crossing(mended[1])


# --- missing points ----------


def test_filling_is_the_conditional_mean(faces):
    aligned = align(faces)[0]
    gaussian = fit_gaussian(aligned)
    covariance = np.linalg.inv(gaussian.precision)
    known = np.random.default_rng(2).random((5, 68)) < 0.8
    filled = gaussian.fill(aligned[:5], known)
    for face, seen, result in zip(aligned[:5], known, filled, strict=True):
        keep = np.repeat(seen, 2)
        gain = covariance[np.ix_(~keep, keep)] @ np.linalg.inv(covariance[np.ix_(keep, keep)])
        naive = gaussian.mean[~keep] + gain @ (face.ravel()[keep] - gaussian.mean[keep])
        assert np.allclose(result.ravel()[~keep], naive, atol=1e-8)
        assert np.array_equal(result[seen], face[seen])


@pytest.mark.parametrize(
    ("hidden", "share"),
    [
        ([0, 1, 2, 3], 0.4),
        ([17, 18, 19], 0.4),
        ([27, 28, 29, 30, *range(60, 68)], 0.4),
        (list(range(36, 42)), 0.9),  # an eye is an anchor of the alignment and moves little
    ],
)
def test_hidden_points_come_back(faces, hidden, share):
    known = np.ones((400, 68), bool)
    known[:40, hidden] = False
    spoilt = np.where(known[..., None], faces, np.nan)
    filled = complete(spoilt, known)
    assert np.array_equal(filled[known], faces[known])
    eyes = np.linalg.norm(faces[:40, 45] - faces[:40, 36], axis=-1)[:, None]
    error = np.linalg.norm(filled - faces, axis=-1)[:40, hidden] / eyes
    spread = np.linalg.norm(faces[:40, hidden] - faces[40:, hidden].mean(0), axis=-1) / eyes
    assert error.mean() < 0.03 and error.mean() < share * spread.mean()


def test_filling_does_not_see_the_frame_and_needs_complete_faces(faces):
    known = np.ones((200, 68), bool)
    known[:5, 30:44] = False
    turn = np.array([[0.3, -1.9, 40.0], [1.9, 0.3, -700.0]])
    moved = complete(apply(turn, faces[:200]), known)
    assert np.allclose(moved, apply(turn, complete(faces[:200], known)), atol=1e-6)
    known[:170, 8] = False
    with pytest.raises(LandmarkError, match="only 30 faces have all 68 points, too few to fill in those of 170"):
        complete(faces[:200], known)


# --- the set of a domain ----------


def make_faces(landmarks, groups=None, known=None, occluded=None, bad=()) -> Faces:
    shape = landmarks.shape[:2]
    return Faces(
        landmarks,
        np.ones(shape, bool) if known is None else known,
        np.zeros(shape, bool) if occluded is None else occluded,
        np.array([str(i) for i in range(len(landmarks))] if groups is None else groups),
        bad,
    )


def assemble(model, params, sources, generated=None, domain="normal"):
    return build_set(domain, params, model, lambda: generated, lambda name: sources[name])


def test_generated_faces_alone_pass_untouched(model, faces):
    result, counts = assemble(model, LandmarkSetsParams(), {}, faces)
    assert np.array_equal(result.landmarks, faces) and result.group.tolist() == list(range(400))
    assert result.source.dtype == result.group.dtype == np.int64 and not result.source.any()
    assert counts == {"generated": {"read": 400, "kept": 400, "groups": 400}}


def test_sources_mix_and_keep_their_groups(model, faces):
    sources = {
        "a": make_faces(faces[:100], [f"g{i // 10}" for i in range(100)], bad=("a: bad",)),
        "b": make_faces(faces[100:200]),
    }
    params = LandmarkSetsParams(normal=["a", "generated", "b"], outliers=0)
    result, counts = assemble(model, params, sources, faces[200:])
    assert np.bincount(result.source).tolist() == [100, 200, 100]
    assert np.array_equal(result.landmarks[:100], faces[:100])
    assert len(set(result.group[:100])) == 10 and len(set(result.group)) == 310
    assert json.loads(result.entries) == ["a", "generated", "b"]
    assert counts["a"] == {
        "read": 101,
        "bad": 1,
        "no_face": 0,
        "hidden": 0,
        "pose": 0,
        "filled": 0,
        "kept": 100,
        "groups": 10,
    }
    assert counts["b"]["kept"] == 100


def test_filters_count_what_they_leave_out(model, faces, monkeypatch):
    given = faces[:200].copy()
    given[0] = given[0] * [0.3, 1]  # as narrow as a head turned away
    shape = model.mean[model.landmarks] @ rotation_from_angles(40, 0, 0).T
    given[1] = 256 + shape[:, :2] * [1, -1] * 20
    given[2, [4, 12]] = given[2, [12, 4]]
    known, occluded = np.ones((200, 68), bool), np.zeros((200, 68), bool)
    known[3:6, 60:64] = False
    occluded[5:8, :10] = True
    known[8, :25] = False
    given[~known] = np.nan
    params = LandmarkSetsParams(normal="a")
    source = {"a": make_faces(given, known=known, occluded=occluded)}
    result, counts = assemble(model, params, source)
    count = counts["a"]
    assert (count["read"], count["hidden"], count["filled"]) == (200, 1, 3)
    assert count["pose"] == 1 and count["outlier"] + count["crossing"] >= 2
    left_out = sum(count[name] for name in ("hidden", "pose", "outlier", "crossing"))
    assert count["kept"] == len(result.landmarks) == 200 - left_out
    assert np.isfinite(result.landmarks).all()
    monkeypatch.setattr(sets, "MAX_HIDDEN", 9)
    _, strict = assemble(model, params, source)
    assert strict["a"]["hidden"] == 4


def test_useless_parameters_are_named(model, faces):
    sources = {"a": make_faces(faces[:30])}
    with pytest.raises(ParameterError, match=r"landmark_sets\.art names 'a' twice"):
        assemble(model, LandmarkSetsParams(art=["a", "a"]), sources, domain="art")
    turned = make_faces((model.mean[model.landmarks] @ rotation_from_angles(45, 0, 0).T)[None, :, :2] * [20, -20] + 256)
    with pytest.raises(ParameterError, match=r"landmark_sets\.normal: no face is left \(1 read, 1 pose\)"):
        assemble(model, LandmarkSetsParams(normal="a"), {"a": turned})
    few = make_faces(faces[:60], known=np.arange(68) != np.full((60, 1), 8))
    with pytest.raises(LandmarkError, match=r"landmark_sets\.normal: only 0 faces have all 68 points"):
        assemble(model, LandmarkSetsParams(normal="b"), {"b": few})
    for value in ("", [], 3, ["a", 3], None):
        with pytest.raises(ParameterError, match=r"landmark_sets\.normal"):
            validate(Params, {"pairs": {}, "landmark_sets": {"normal": value}}, "params.yaml")


# --- split ----------


def old_split(count, share, rng):
    held_out = np.zeros(count, bool)
    held_out[rng.permutation(count)[: max(1, round(count * share))]] = True
    return held_out


def test_singletons_of_one_source_split_as_ever():
    for count in (2, 5, 64, 301, 6269):
        names = np.random.default_rng(9).permutation(10 * count)[:count]
        a, b = np.random.default_rng(1), np.random.default_rng(1)
        for _ in range(2):
            plain = old_split(count, 0.1, a)
            assert np.array_equal(split("art", count, 0.1, b, names, np.zeros(count)), plain)
        assert np.array_equal(
            split("art", count, 0.1, np.random.default_rng(1)), old_split(count, 0.1, np.random.default_rng(1))
        )


def test_groups_stay_whole_and_every_source_is_on_both_sides():
    rng = np.random.default_rng(0)
    for trial in range(50):
        sizes = [rng.integers(1, 40, groups) for groups in rng.integers(2, 15, 3)]
        source = np.repeat(np.arange(3), [size.sum() for size in sizes])
        group = np.concatenate([np.repeat(np.arange(len(size)), size) + 100 * i for i, size in enumerate(sizes)])
        mix = rng.permutation(len(group))
        source, group = source[mix], group[mix]
        held_out = split("art", len(group), 0.1, np.random.default_rng(trial), group, source)
        assert not set(group[held_out]) & set(group[~held_out])
        for i, size in enumerate(sizes):
            part = held_out[source == i]
            assert part.any() and not part.all()
            assert part.sum() <= max(0.2 * size.sum() + 1, size.min())


def test_a_source_of_one_group_is_trained_on():
    group, source = np.array([5] * 10 + list(range(10, 30))), np.repeat([0, 1], [10, 20])
    held_out = split("art", 30, 0.1, np.random.default_rng(0), group, source)
    assert not held_out[:10].any() and held_out[10:].sum() == 2
    with pytest.raises(ParameterError, match=r"landmark_sets\.art: all 10 faces are one group"):
        split("art", 10, 0.1, np.random.default_rng(0), np.zeros(10))


def test_the_shape_space_holds_out_whole_groups(faces, art):
    groups = np.arange(1200) // 100
    _, shapes = build_shape_space(faces, art, ShapeSpaceParams(classes=4), art_groups=groups)
    assert shapes.art_held_out.sum() == 100 and len(set(groups[shapes.art_held_out])) == 1
    _, plain = build_shape_space(faces, art, ShapeSpaceParams(classes=4))
    assert np.array_equal(plain.normal_held_out, shapes.normal_held_out)


# --- the stages as a user runs them ----------


def stage(folder: Path, name: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(ROOT / "stages" / f"{name}.py")], cwd=folder, text=True, capture_output=True
    )


def test_the_stages_read_a_users_files(tmp_path, model, faces, art):
    for index in range(80):
        write_pts(tmp_path / "data/landmarks/art" / f"painter{index % 8}" / f"{index}.pts", art[index])
    np.savez(tmp_path / "normal.npz", landmarks=faces[:150].astype(np.float32))
    (tmp_path / "params.yaml").write_text(
        "pairs: {}\nlandmark_sets: {normal: normal.npz, art: [generated, data/landmarks/art], "
        "art_count: 64, outliers: 0}\nshape_space: {classes: 4}\n"
    )
    done = stage(tmp_path, "landmark_sets")
    assert done.returncode == 0, done.stderr
    assert "art: data/landmarks/art: 80 read, 0 bad" in done.stdout
    result = LandmarkSet.load(tmp_path / "data" / "artifacts" / "landmark_sets" / "art.h5")
    rng = np.random.default_rng(0).spawn(2)[1]
    assert np.array_equal(result.landmarks[:64], generate_art(model, 64, rng))  # the generated part never changes
    assert np.bincount(result.source).tolist() == [64, 80] and len(set(result.group)) == 72
    counts = json.loads((tmp_path / "metrics" / "landmark_sets.json").read_text())
    assert counts["art"]["data/landmarks/art"]["kept"] == 80 and counts["normal"]["normal.npz"]["read"] == 150
    done = stage(tmp_path, "shape_space")
    assert done.returncode == 0, done.stderr
    held_out = ShapeSet.load(tmp_path / "data" / "artifacts" / "shape_space" / "shapes.h5").art_held_out
    assert len(set(result.group[64:][held_out[64:]])) == 1  # one painter of eight


def test_the_stage_stops_at_a_bad_file_with_one_line(tmp_path, faces):
    write_pts(tmp_path / "faces" / "a.pts", faces[0])
    (tmp_path / "faces" / "b.txt").write_text("1 2\n")
    (tmp_path / "params.yaml").write_text("pairs: {}\nlandmark_sets: {normal: faces, art_count: 64}\n")
    done = stage(tmp_path, "landmark_sets")
    assert done.returncode == 1 and done.stderr.splitlines() == [
        "landmark_sets: faces/b.txt: has 1 points, expected 68 in iBUG order, one 'x y' a line; or leave such files "
        "out with landmark_sets.bad_files: skip"
    ]
    (tmp_path / "params.yaml").write_text("pairs: {}\nlandmark_sets: {normal: faces, art_count: 64, bad_files: skip}\n")
    done = stage(tmp_path, "landmark_sets")
    assert done.returncode == 0 and "landmark_sets: left out: faces/b.txt: has 1 points" in done.stderr
