"""What users bring is refused at the border, in one line and before any work: paths, numbers, files of all kinds."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rigs import small_rig

from portrait_pipeline.animation.pose import Pose
from portrait_pipeline.base.artifacts import read_arrays, read_json, write_arrays
from portrait_pipeline.base.errors import ArtifactError, LandmarkError, ParameterError, PortraitError
from portrait_pipeline.base.files import check_path
from portrait_pipeline.base.stage import Layout, run_pair_stage
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.convert.formats import read_foreign
from portrait_pipeline.deform.record import DeformedHead
from portrait_pipeline.export.posed_views import picture
from portrait_pipeline.fit.record import FittedPair
from portrait_pipeline.head.camera import Camera
from portrait_pipeline.mesh import pictures
from portrait_pipeline.samples.sources import resolve
from portrait_pipeline.shapes.arrays import read_arrays_file
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.texture.params import TextureParams
from portrait_pipeline.translation.record import TranslatedPair

PAIR = ("sample:hopper", "sample:oil_strokes")


def run(*arguments: object, status: int = 1) -> str:
    result = CliRunner().invoke(main, [str(word) for word in arguments])
    assert result.exit_code == status, result.output
    last = result.output.splitlines()[-1]
    assert last.startswith("portrait: ") if status == 1 else "Error: " in last, result.output
    assert "Traceback" not in result.output and result.output.count("portrait: ") <= 1, result.output
    return result.output


# --- paths and names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("stylize", "nothing.png", "nothing.png", "-o"),
        ("translate", "nothing.png", "nothing.png", "-o"),
        ("picture", "nothing.png", "nothing.png", "-o"),
        ("pose", "nothing", "-o"),
        ("track", "nothing.mp4", "-o"),
        ("model", "convert", "nothing.h5", "-o"),
        ("model", "preview", "-o"),
        ("print", "nothing", "-o"),
    ],
)
def test_an_output_that_cannot_be_written_is_told_first(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "closed").mkdir()
    suffix = {"stylize": "", "translate": "", "picture": ".png", "pose": ".png", "track": ".csv", "print": ".stl"}
    name = f"x{suffix.get(command[0], '.h5' if command[1] == 'convert' else '.png')}"
    for folder in (tmp_path / "file", Path("/proc/none"), Path("/dev/null")):
        assert str(folder) in run(*command, folder / name)
    assert "at most 240" in run(*command, tmp_path / ("a" * 250 + name))
    assert "not UTF-8" in run(*command, tmp_path / ("\udce9" + name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["closed", "file"]  # nothing was left by trying


def test_a_folder_of_results_is_not_made_before_there_are_any(tmp_path: Path) -> None:
    assert "no such file" in run("stylize", "nothing.png", PAIR[1], "-o", tmp_path / "a" / "b")
    assert "is a file" in run("stylize", *PAIR, "-o", __file__)
    assert list(tmp_path.iterdir()) == []
    Image.new("RGB", (640, 4)).save(tmp_path / "strip.png")  # ffmpeg would take it for a film
    assert "too small, 640 x 4" in run("stylize", tmp_path / "strip.png", PAIR[1], "-o", tmp_path / "a")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written to (Permission denied)" in run("stylize", *PAIR, "-o", tmp_path / "out")


def test_the_home_folder_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_path("~/x") == tmp_path / "x"
    with pytest.raises(ParameterError, match="names no file"):
        check_path("a\0b")
    with pytest.raises(ParameterError, match="line break"):
        check_path("a\nb")
    with pytest.raises(ParameterError, match="at most 240"):  # as params.yaml may have it
        resolve("photos/" + "a" * 250)


def test_a_photo_whose_name_is_no_text_or_too_long(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(picture)
    for name, words in ((b"latin1_\xe9.png", "not UTF-8"), (b"a" * 251 + b".png", "at most 240")):
        photo = bytes(tmp_path) + b"/" + name
        os.link(picture, photo)
        # the real command: Python hands such names over as no other text has them
        command = [sys.executable, "-m", "portrait_pipeline.commands.portrait", "stylize", photo, PAIR[1], "-o"]
        done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True)
        assert done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("environment", "override", "words"),
    [
        ({"PORTRAIT_RENDERER": "nvdiffrast", "PORTRAIT_DEVICE": "cpu"}, "seed=0", "nvdiffrast, which needs a GPU"),
        ({"PORTRAIT_RENDERER": "opengl"}, "seed=0", "is one of auto, cpu, nvdiffrast"),
        ({"PORTRAIT_DEVICE": "tpu"}, "seed=0", "is one of auto, cpu, cuda"),
        ({}, "texture.weights=none.safetensors", "perceptual weights are missing"),
        ({}, "texture.weights=imagenet", "portrait weights download imagenet"),
        ({}, "texture.iterations=[5]", "give one number of iterations for each scale"),
    ],
)
def test_what_cannot_be_computed_is_told_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], override: str, words: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = run("stylize", *PAIR, "-o", tmp_path / "out", "--project", tmp_path, "-S", override)
    assert words in output and len(output.splitlines()) == 1  # no step was reported


# --- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "range_"),
    [
        (("pose", "x", "-o", "x.png", "--pitch=-nan"), "-180<=x<=180"),
        (("pose", "x", "-o", "x.png", "--yaw", "inf"), "-180<=x<=180"),
        (("track", "x.mp4", "-o", "x.csv", "--smooth", "nan"), "0<=x<=10"),
        (("model", "convert", "x.h5", "-o", "y.h5", "--unit", "nan"), "x>0"),
        (("translate", *PAIR, "-o", "out", "--scale", "nan"), "0<=x<=5"),
        (("picture", *PAIR, "-o", "x.png", "--scale", "inf"), "0<=x<=5"),
        (("effects", "x", "-o", "x.png", "--beta", "inf"), "x>=0"),
        (("effects", "x", "-o", "x.png", "--strength", "-inf"), "0<=x<=1"),
        (("print", "x", "-o", "x.stl", "--height", "nan"), "5<=x<=2000"),
    ],
)
def test_nan_and_infinity_are_refused_with_the_range(arguments: tuple[str, ...], range_: str) -> None:
    assert f"is not a number in the range {range_}" in run(*arguments, status=2)


def test_nan_and_infinity_are_no_parameters() -> None:
    for name, field in TextureParams.model_fields.items():
        if field.annotation is float:
            for value in (float("nan"), float("inf")):
                with pytest.raises(ValueError):
                    TextureParams(**{name: value})


# --- HDF5 and NPZ --------------------------------------------------------------------------------------------------


def own_model(path: Path, mean: np.ndarray, triangles: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "face_model", "format_version": 1, "name": "x"})
        file["mean"], file["triangles"] = mean, triangles
        file["identity_basis"] = np.zeros((1, *np.shape(mean)))
    return path


def test_a_model_file_reads_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(np.ones(300).tobytes())
    (tmp_path / "other.h5").touch()
    path = own_model(tmp_path / "m.h5", np.zeros((100, 3)), np.zeros((50, 3), int))
    virtual = h5py.VirtualLayout((100, 3), float)
    virtual[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (100, 3), float)
    for make in (
        lambda file: file.create_dataset("mean", (100, 3), float, external=[(str(tmp_path / "raw"), 0, 2400)]),
        lambda file: file.create_virtual_dataset("mean", virtual),
        lambda file: file.__setitem__("mean", h5py.ExternalLink(str(tmp_path / "other.h5"), "x")),
        lambda file: file.__setitem__("mean", h5py.SoftLink("/identity_basis")),
    ):
        with h5py.File(path, "r+") as file:
            del file["mean"]
            make(file)
        output = run("model", "convert", path, "-o", tmp_path / "out.h5")
        assert "store the array itself" in output


def test_sizes_are_known_before_anything_is_unpacked(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.update({"kind": "t", "format_version": 1})
        file.create_dataset("x", (2**40,), np.uint8, chunks=(2**20,), compression="gzip", fillvalue=1)
    with pytest.raises(ArtifactError, match=r"'x' of shape \(1099511627776,\) is too large: at most 4295 MB"):
        read_arrays(tmp_path / "a.h5", kind="t")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 3), }".ljust(117) + b"\n"
    for name in ("v_template", "landmarks"):
        with zipfile.ZipFile(tmp_path / f"{name}.npz", "w") as archive:
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00v\x00" + header)
    assert "declares shape (1000000000000, 3) in 128 bytes" in run(
        "model", "convert", tmp_path / "v_template.npz", "-o", tmp_path / "out.h5"
    )
    with pytest.raises(LandmarkError, match="cut short"):
        read_arrays_file(tmp_path / "landmarks.npz")


@pytest.mark.parametrize("where", ["list", "chunks", "attribute"])
def test_a_text_longer_than_its_file_is_not_looked_for(tmp_path: Path, where: str) -> None:
    path, named = tmp_path / "a.h5", "text of attribute 'kind'" if where == "attribute" else "text of 'names'"
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "t", "format_version": 1})
        file.create_dataset("names", data=["jawOpen", "mouthPucker"], chunks=(1,) if where == "chunks" else None)
    assert list(read_arrays(path, kind="t")[0]["names"]) == ["jawOpen", "mouthPucker"]
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL").to_bytes(8, "little")
    for length in (1,) if where == "attribute" else (7, 11):
        word = length.to_bytes(4, "little")
        assert data.count(word + heap) == 1
        data = data.replace(word + heap, (3 * 2**30).to_bytes(4, "little") + heap)
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=f"{named} is longer than the file"):
        read_arrays(path, kind="t")


@pytest.mark.parametrize("mean", [np.zeros((100, 3)), np.eye(3)[np.arange(100) % 3], np.full((100, 3), 1e300)])
def test_a_mesh_without_surface_is_no_head(tmp_path: Path, mean: np.ndarray) -> None:
    path = own_model(tmp_path / "m.h5", mean, np.arange(150).reshape(50, 3) % 100)
    assert re.search(
        "not recognised as a head|has 1e.300 cm",
        run("model", "convert", path, "-o", tmp_path / "o.h5"),
    )


def test_an_attribute_of_another_kind_is_no_kind(tmp_path: Path) -> None:
    path = own_model(tmp_path / "m.h5", np.eye(3), np.arange(3)[None])
    for value in (np.zeros(3), h5py.Empty("f"), np.array([b"face_model"])):
        with h5py.File(path, "r+") as file:
            file.attrs["kind"] = value
        assert "holds 'None' version 1" in run("model", "convert", path, "-o", tmp_path / "o.h5")


# --- records -------------------------------------------------------------------------------------------------------


def fitted() -> FittedPair:
    points, vertices = np.random.default_rng(0).uniform(10, 90, (68, 2)), np.eye(3).repeat(4, 0)
    row = Camera(np.eye(3), 2.0, np.zeros(2)).row()
    none = np.zeros((0, *vertices.shape)), np.zeros((0, 16))
    return FittedPair(vertices, np.zeros(4), np.zeros(5), row, *none, points, points, 0.01, 0.02)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("vertices", np.zeros((12, 2)), "'vertices' is float64 of shape (12, 2), expected f of shape (12, 3)"),
        ("vertices", np.zeros((11, 3)), "expected f of shape (12, 3)"),
        ("vertices", np.zeros((12, 3), np.int64), "'vertices' is int64"),
        ("vertices", np.float64(1.0), "'vertices' is no array, expected f of shape (12, 3)"),
        ("identity", np.array(["a", "b"]), "'identity' is <U1"),
        ("camera_row", np.zeros(16), "a row is no camera"),
        ("camera_row", np.full(16, 1e300), "a row is no camera"),
        ("more_vertices", np.zeros((1, 12, 3)), "expected f of shape (1, 16)"),
        ("inner_error", "small", "'inner_error' is str, expected float"),
        ("jaw_error", np.zeros(3), "'jaw_error' is ndarray, expected float"),
    ],
)
def test_a_record_of_another_shape_or_type_is_refused(tmp_path: Path, name: str, value: object, words: str) -> None:
    record = fitted()
    record.save(tmp_path / "a.h5")
    assert np.array_equal(FittedPair.load(tmp_path / "a.h5", V=12).vertices, record.vertices)
    replace(record, **{name: value}).save(tmp_path / "a.h5")
    with pytest.raises(ArtifactError, match=re.escape(words)) as caught:
        FittedPair.load(tmp_path / "a.h5", V=12)
    assert str(caught.value).endswith("delete it and run `dvc repro`")


def test_a_scalar_is_no_translation(tmp_path: Path) -> None:
    write_arrays(
        tmp_path / "a.h5", {name: np.float64(3) for name in ("content", "style", "translated")}, kind="translate"
    )
    with pytest.raises(ArtifactError, match=r"expected f of shape \(68, 2\)"):
        TranslatedPair.load(tmp_path / "a.h5")


def test_ids_must_be_there(tmp_path: Path) -> None:
    shell = Shell(
        np.zeros((3, 3), np.float32), np.array([[0, 1, 2]]), np.zeros((3, 2), np.float32), np.array([[0, 1, 2]]),
        np.zeros(3, np.int8), np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros(3, np.float32),
        np.zeros(9, np.float32), "",
    )  # fmt: skip
    shell.save(tmp_path / "a.h5")
    assert Shell.load(tmp_path / "a.h5", V=9).exists
    with pytest.raises(ArtifactError, match="made for a head of 9 vertices"):
        Shell.load(tmp_path / "a.h5", V=10)
    for wrong in ({"triangles": np.array([[0, 1, 3]])}, {"labels": np.full(3, 9, np.int8)}):
        replace(shell, **wrong).save(tmp_path / "a.h5")
        with pytest.raises(ArtifactError, match="expected 0 to 2"):
            Shell.load(tmp_path / "a.h5")


def test_a_stage_tells_a_damaged_artifact_in_one_line(tmp_path: Path) -> None:
    project = Path(__file__).parents[1]
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    replace(fitted(), vertices=np.zeros((12, 3))).save(tmp_path / "data" / "artifacts" / "fit" / "me.h5")
    DeformedHead(np.zeros((12, 3)), np.zeros((68, 3)), 0.0, 0, 0).save(tmp_path / "data/artifacts/deform/me.h5")
    script = [sys.executable, str(project / "stages" / "deform.py"), "me"]
    done = subprocess.run(
        script, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(project)}
    )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert re.search(
        r"me\.h5: 'vertices' is float64 of shape \(12, 3\), expected f of shape \(\d{4,}, 3\)", done.stderr
    )


# --- texts ---------------------------------------------------------------------------------------------------------


def test_json_that_is_deep_or_has_nan(tmp_path: Path) -> None:
    for text, words in (("[" * 100_000, "cannot be read as JSON"), ('{"x": NaN}', "NaN is no number")):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ArtifactError, match=words):
            read_json(tmp_path / "a.json")


def test_yaml_that_is_deep(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: " + "[" * 1500)
    assert "not valid YAML" in run("stylize", *PAIR, "-o", tmp_path / "out", "--project", tmp_path)
    (tmp_path / "params.yaml").unlink()
    assert "not valid YAML" in run(
        "stylize", *PAIR, "-o", tmp_path / "out", "--project", tmp_path, "-S", "seed=" + "[" * 1500
    )


def test_an_obj_of_endless_length_is_not_read(tmp_path: Path) -> None:
    os.symlink("/dev/zero", tmp_path / "a.obj")
    with pytest.raises(PortraitError, match="no known face model|no regular file"):
        read_foreign(tmp_path / "a.obj")
    (tmp_path / "ict" / "FaceXModel").mkdir(parents=True)
    (tmp_path / "ict" / "generic_neutral_mesh.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (tmp_path / "ict" / "identity000.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\n")
    (tmp_path / "ict" / "vertex_indices.json").write_text(json.dumps(["expressions"]))
    with pytest.raises(PortraitError, match="no list of file names"):
        read_foreign(tmp_path / "ict")


# --- memory --------------------------------------------------------------------------------------------------------


def test_bands_of_a_picture_join_to_the_bit_and_save_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = small_rig()
    images, peaks = [], []
    for band in (400 * 400, 400 * 7):
        monkeypatch.setattr(pictures, "_BAND", band)
        tracemalloc.start()
        images.append(picture(rig, Pose(rig.expression), 400))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert np.array_equal(*images)
    assert peaks[1] < peaks[0] / 3, peaks


def with_memory(megabytes: int, libraries: str, *arguments: str) -> subprocess.CompletedProcess:
    """`portrait` with so much address space beyond what Python and ``libraries`` take."""
    code = (
        "import resource\n"
        f"from portrait_pipeline.commands.portrait import main\n{libraries}\n"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (now + {megabytes} * 2**20,) * 2)\n"
        f"main({list(arguments)!r})"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited as Linux does it")
def test_too_little_memory_names_what_to_lower(tmp_path: Path) -> None:
    small_rig().save(tmp_path / "rig.h5")
    libraries = "from portrait_pipeline.export import posed_views"
    output = str(tmp_path / "x.png")
    done = with_memory(300, libraries, "pose", str(tmp_path), "-o", output, "--size", "8192")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr[-2000:]
    assert "pose: the memory ran out" in done.stderr and "lower --size" in done.stderr
    assert not Path(output).exists()


def test_a_stage_without_memory_names_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_much(layout: Layout, pair: str) -> None:
        np.zeros((2**26, 2**26))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stages/shell.py", "me"])
    with pytest.raises(SystemExit, match="1"):
        run_pair_stage("shell", too_much)
    told = capsys.readouterr().err
    assert told.startswith("shell: the memory ran out") and "lower shell.size" in told and len(told.splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is limited as Linux does it")
def test_a_picture_for_which_the_memory_is_too_small_is_not_called_damaged(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6000, 6000), np.uint8)).save(tmp_path / "large.png", compress_level=1)
    (tmp_path / "params.yaml").write_text("pairs: {}\n")
    arguments = ("add-pair", "me", str(tmp_path / "large.png"), PAIR[1], "--params", str(tmp_path / "params.yaml"))
    done = with_memory(90, "from portrait_pipeline.pipeline import pairs_file", *arguments)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr[-2000:]
    assert "the memory ran out" in done.stderr and "the size of the picture (6000 x 6000)" in done.stderr
