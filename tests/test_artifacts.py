"""Files appear whole or not at all, equal content gives equal bytes, and no NaN gets through."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from portrait_pipeline.base.artifacts import atomic_path, read_arrays, read_json, write_arrays, write_json
from portrait_pipeline.base.errors import ArtifactError, OutputError

ARRAYS = {
    "points": np.arange(136.0).reshape(68, 2),
    "big": np.linspace(0, 1, 10_000).astype(np.float32).reshape(100, 100),
    "group/ids": np.arange(5, dtype=np.int32),
    "mask": np.array([True, False]),
    "names": np.array(["jawOpen", "Ä"]),
    "empty": np.zeros((0, 3)),
}
ATTRIBUTES = {"title": "a head", "seed": 3, "weight": 0.5, "done": True}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_arrays_and_attributes_come_back(tmp_path):
    path = tmp_path / "deep" / "er" / "a.h5"
    write_arrays(path, ARRAYS, ATTRIBUTES, kind="fit")
    arrays, attributes = read_arrays(path, kind="fit")
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert arrays[name].dtype.kind == value.dtype.kind
    assert {name: attributes[name] for name in ATTRIBUTES} == ATTRIBUTES


def test_equal_content_gives_equal_bytes_at_another_time(tmp_path):
    write_arrays(tmp_path / "a.h5", ARRAYS, ATTRIBUTES, kind="fit")
    write_arrays(tmp_path / "b.h5", ARRAYS, ATTRIBUTES, kind="fit")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:  # no time stamp, which would differ a second later
        assert not any(h5py.h5g.get_objinfo(file[name].id).mtime for name in ARRAYS)


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    write_json(tmp_path / "a.json", {"x": 1})
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "a.json")]
    assert modes[0] == modes[1]


def test_missing_damaged_and_foreign_files(tmp_path):
    with pytest.raises(ArtifactError, match=r"none\.h5: missing; run `dvc repro`"):
        read_arrays(tmp_path / "none.h5", kind="fit")
    path = tmp_path / "a.h5"
    write_arrays(path, ARRAYS, kind="fit")
    with pytest.raises(ArtifactError, match=r"holds 'fit' version 1, expected 'texture'"):
        read_arrays(path, kind="texture")
    data = path.read_bytes()
    for size in (0, 10, len(data) // 2):
        path.write_bytes(data[:size])
        with pytest.raises(ArtifactError, match=r"a\.h5: damaged"):
            read_arrays(path, kind="fit")
    with h5py.File(path, "w") as file:
        file["x"] = 1
    with pytest.raises(ArtifactError, match="holds 'None'"):
        read_arrays(path, kind="fit")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused_on_reading(tmp_path, bad):
    write_arrays(tmp_path / "a.h5", {"x": np.array([1.0, bad])}, kind="fit")
    with pytest.raises(ArtifactError, match="'x' has a non-finite number"):
        read_arrays(tmp_path / "a.h5", kind="fit")


def test_json_keeps_its_order_and_rounds(tmp_path):
    value = {
        "b": 1.23456789,
        "a": {"n": np.int64(3), "l": np.array([0.1, 2.0])},
        "t": "x",
        "f": np.bool_(True),
        "z": None,
    }
    write_json(tmp_path / "a.json", value)
    assert (tmp_path / "a.json").read_text().endswith("}\n")
    back = read_json(tmp_path / "a.json")
    assert list(back) == list(value)
    assert back == {"b": 1.23457, "a": {"n": 3, "l": [0.1, 2.0]}, "t": "x", "f": True, "z": None}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float32("nan")])
def test_json_refuses_nan_names_it_and_writes_nothing(tmp_path, bad):
    path = tmp_path / "fid.json"
    write_json(path, {"ours": 1.0})
    with pytest.raises(OutputError, match=r"fid\.json: pair: loss is (nan|inf)"):
        write_json(path, {"ours": 2.0, "pair": {"loss": bad}})
    assert read_json(path) == {"ours": 1.0} and names(tmp_path) == ["fid.json"]
    with pytest.raises(OutputError, match="list is nan"):
        write_json(path, {"list": [1.0, float("nan")]})


def test_reading_json_that_is_none(tmp_path):
    for text in ("", "{", "[1]", "\x00"):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ArtifactError, match=r"a\.json: .*rerun the stage"):
            read_json(tmp_path / "a.json")
    with pytest.raises(ArtifactError, match="none.json"):
        read_json(tmp_path / "none.json")


def test_a_full_disk_at_the_rename(tmp_path, monkeypatch):
    write_json(tmp_path / "a.json", {"x": 1})
    monkeypatch.setattr(os, "replace", no_space)
    with pytest.raises(OutputError) as caught:
        write_json(tmp_path / "a.json", {"x": 2})
    monkeypatch.undo()
    assert str(caught.value) == (
        f"{tmp_path / 'a.json'}: cannot be written (no space left on the device: free some space and run again)"
    )
    assert read_json(tmp_path / "a.json") == {"x": 1} and names(tmp_path) == ["a.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the Linux device that is always full")
def test_a_really_full_device_while_writing(tmp_path):
    with pytest.raises(OutputError, match="no space left on the device"):
        with atomic_path(tmp_path / "a.bin"):
            with open("/dev/full", "wb") as file:
                file.write(b"x" * 100_000)
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_while_hdf5_is_written(tmp_path):
    """A limit on the size of files stands for the disk: HDF5 used to end in a RuntimeError, and then in a crash."""
    code = (
        "import resource, sys, numpy as np\n"
        "from portrait_pipeline.base.artifacts import write_arrays\n"
        "from portrait_pipeline.base.errors import OutputError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "noise = np.random.default_rng(0).integers(0, 255, (900, 1000), dtype=np.uint8)\n"
        "try: write_arrays(sys.argv[1], {'x': noise}, kind='t')\n"
        "except OutputError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.h5")], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "a.h5: cannot be written" in done.stdout
    assert names(tmp_path) == []


WRITER = """
import sys, time
from portrait_pipeline.base.artifacts import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(60)
"""


def test_half_a_file_of_a_killed_writer_is_swept_and_that_of_a_living_one_is_not(tmp_path):
    def writer() -> tuple[subprocess.Popen, Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "astronaut.h5")], stdout=subprocess.PIPE, text=True
        )
        return process, Path(process.stdout.readline().strip())

    (killed, dead), (living, half) = writer(), writer()
    try:
        killed.kill()
        killed.wait()
        assert dead.exists() and half.exists()
        write_arrays(tmp_path / "hopper.h5", ARRAYS, kind="fit")
        assert dead.exists()  # of another target
        write_arrays(tmp_path / "astronaut.h5", ARRAYS, kind="fit")
        assert not dead.exists() and half.exists()
    finally:
        living.kill()
        living.wait()
    write_arrays(tmp_path / "astronaut.h5", ARRAYS, kind="fit")
    assert names(tmp_path) == ["astronaut.h5", "hopper.h5"]


def test_a_full_disk_inside_hdf5(tmp_path, monkeypatch):
    monkeypatch.setattr(h5py.Group, "create_dataset", no_space)
    with pytest.raises(OutputError, match=r"a\.h5: cannot be written \(no space"):
        write_arrays(tmp_path / "a.h5", ARRAYS, kind="fit")
    assert names(tmp_path) == []


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, ZeroDivisionError, MemoryError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, interruption):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(interruption):
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise interruption
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_the_temporary_file_is_beside_the_target_with_its_suffix(tmp_path):
    with atomic_path(tmp_path / "new" / "a.png") as temporary:
        assert temporary.parent == tmp_path / "new" and temporary.suffix == ".png" and temporary.name != "a.png"
        temporary.write_bytes(b"x")
    assert names(tmp_path / "new") == ["a.png"]


def test_impossible_places(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_json(tmp_path / "file" / "a.json", {})
    with pytest.raises(OutputError, match="cannot be written"):
        write_json(tmp_path / "folder", {"x": 1})
    assert names(tmp_path) == ["file", "folder"]
