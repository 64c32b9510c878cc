"""Damaged files for every reader: valid ones, mutated at random, must be refused in one line or read as what they say.

``python tests/fuzz.py 2000`` runs 2000 files a reader (``python tests/fuzz.py 300 hdf5 obj`` some readers), each reader
in a process of its own that is started again behind a file on which it crashed. The same seed gives the same files.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

SECONDS, BYTES = 30, 6 * 2**30  # that one file may take
WORDS = (
    "nan",
    "inf",
    "-1",
    "1e400",
    "99999999999999999999",
    "",
    "0",
    "x",
    "[[[[",
    "\0",
    "\N{SNOWMAN}",
    "-0.0",
    "1/0/0",
)


class Reader(NamedTuple):
    """write: makes a valid file in a folder and returns it. read: reads it, whatever it has become."""

    write: Callable[[Path], Path]
    read: Callable[[Path], object]
    mutate: tuple[Callable[[np.random.Generator, Path], None], ...]


# --- mutations -----------------------------------------------------------------------------------------------------


def damage_bytes(rng: np.random.Generator, path: Path) -> None:
    """Bits flipped, a block overwritten, moved, doubled or cut out, an odd number written, or the end cut off."""
    data = bytearray(path.read_bytes())
    for _ in range(int(rng.integers(1, 4))):
        if not data:
            break
        start = int(rng.integers(len(data))) if rng.random() < 0.6 else int(rng.integers(min(len(data), 512)))
        size = int(min(rng.integers(1, 65), len(data) - start))
        match int(rng.integers(7)):
            case 0:
                for place in rng.integers(len(data), size=int(rng.integers(1, 20))):
                    data[place] ^= 1 << int(rng.integers(8))
            case 1:
                data[start : start + size] = rng.bytes(size)
            case 2:
                del data[start : start + size]
            case 3:
                data[start:start] = data[start : start + size]
            case 4:
                data[start : start + size] = bytes([int(rng.choice([0, 255, 127]))]) * size
            case 5:
                width = int(rng.choice([1, 2, 4, 8]))
                number = int(rng.choice([0, 1, 2**7, 2**15 - 1, 2**31 - 1, 2**63 - 1])) % (1 << 8 * width)
                data[start : start + width] = number.to_bytes(width, str(rng.choice(["little", "big"])))
            case 6:
                del data[start:]
    path.write_bytes(data)


def damage_words(rng: np.random.Generator, path: Path) -> None:
    """Words of a text replaced, lines taken out, doubled or exchanged."""
    lines = path.read_bytes().decode("latin1").split("\n")
    for _ in range(int(rng.integers(1, 4))):
        place, other = rng.integers(len(lines), size=2)
        match int(rng.integers(4)):
            case 0:
                lines[place] = lines[other]
            case 1:
                lines.insert(int(place), lines[other])
            case 2:
                lines[place] = ""
            case 3:
                words = lines[place].replace(",", " , ").replace(":", " : ").split(" ")
                words[int(rng.integers(len(words)))] = str(rng.choice(WORDS))
                lines[place] = " ".join(words)
    path.write_bytes("\n".join(lines).encode("utf-8", "replace"))


def odd_array(rng: np.random.Generator, value: np.ndarray) -> np.ndarray:
    """An array of another shape, type or content."""
    value = np.array(value)
    match int(rng.integers(9)):
        case 0:
            return value.ravel()
        case 1:
            return value[: max(len(value) // 2, 1)] if value.ndim else value
        case 2:
            return value.reshape(1, *value.shape)
        case 3:
            return np.float64(rng.choice([0.0, np.nan, np.inf, -1e300]))
        case 4:
            return np.array([b"words"] * 3)
        case 5:
            kinds = [np.float16, np.float64, np.int8, np.uint64, np.complex64, bool]
            with np.errstate(all="ignore"):
                return value.astype(kinds[int(rng.integers(len(kinds)))]) if value.dtype.kind in "fiub" else value[:0]
        case 6:
            return value[:0] if value.ndim else value
    if value.dtype.kind not in "fiu" or not value.size:
        return np.zeros((2, 2))
    value = value.copy()
    worst = [-1, 2**7 - 1] if value.dtype.kind in "iu" else [np.nan, np.inf, -1e4, 1e30]
    with np.errstate(all="ignore"):
        value.ravel()[int(rng.integers(value.size))] = np.array(rng.choice(worst)).astype(value.dtype)
    return value


def damage_hdf5(rng: np.random.Generator, path: Path) -> None:
    """A dataset or attribute exchanged for another, taken out, linked or put elsewhere."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        if rng.random() < 0.15 and len(file.attrs):
            name = str(rng.choice(list(file.attrs)))
            values = [np.zeros(3), "x" * 100, h5py.Empty("f"), -1, 2**62, np.nan, b"\xff\xfe"]
            file.attrs[name] = values[int(rng.integers(len(values)))]
            return
        name = str(rng.choice(sorted(names)))
        old = file[name]
        value, shape = odd_array(rng, old[()]) if old.dtype.kind != "O" else np.zeros(3), old.shape
        del file[name]
        match int(rng.integers(8)):
            case 0:
                pass
            case 1:
                file[name] = h5py.SoftLink("/" + names[0])
            case 2:
                file[name] = h5py.ExternalLink(path.name, "/" + names[0])
            case 3:
                file.create_dataset(name, shape or (3,), "f8", external=[(str(path), 0, h5py.h5f.UNLIMITED)])
            case 4:
                file.create_dataset(name, (2**38, 3), "f8", chunks=(1024, 3), compression="gzip")
            case _:
                file[name] = value


def damage_npz(rng: np.random.Generator, path: Path) -> None:
    """An array exchanged for another or taken out."""
    with np.load(path) as data:
        arrays = dict(data)
    name = str(rng.choice(sorted(arrays)))
    arrays[name] = odd_array(rng, arrays[name])
    if rng.random() < 0.1:
        del arrays[name]
    if rng.random() < 0.1:
        arrays[name] = np.array([{"a": 1}], object)
    np.savez(path, **arrays)


# --- what came back ------------------------------------------------------------------------------------------------


def check(value: object) -> None:
    """Nothing that is read holds a number that is not finite (limits and missing points apart)."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        assert np.isfinite(value).all(), "a number is not finite"
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("expression_low", "expression_high"):
                check(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for item in value:
            check(item)


# --- readers -------------------------------------------------------------------------------------------------------


def readers() -> dict[str, Reader]:
    """Every reader of files that users or stages bring."""
    from model_files import flame_arrays, small_head, write_bfm, write_flame, write_ict, write_obj, write_testers
    from PIL import Image
    from rigs import NAMES, small_rig

    from portrait_pipeline.animation.frames import read_frames
    from portrait_pipeline.animation.rig import Rig
    from portrait_pipeline.base.artifacts import read_arrays, read_json
    from portrait_pipeline.base.errors import InputFileError
    from portrait_pipeline.base.images import load_image
    from portrait_pipeline.convert.conversion import check_surface
    from portrait_pipeline.convert.convert_file import read_landmark_ids
    from portrait_pipeline.convert.formats import read_foreign
    from portrait_pipeline.export.solid import read_surfaces
    from portrait_pipeline.fit.record import FittedPair
    from portrait_pipeline.head.camera import Camera
    from portrait_pipeline.head.model import FaceModel, load_bundled_model
    from portrait_pipeline.mesh.mesh import Mesh
    from portrait_pipeline.mesh.obj import TexturedObject, obj_text
    from portrait_pipeline.perception.files import read_points
    from portrait_pipeline.pipeline.params import load_params
    from portrait_pipeline.shapes.arrays import read_arrays_file
    from portrait_pipeline.shapes.space import ShapeSpace
    from portrait_pipeline.translation.translator import Translator

    model = load_bundled_model()
    rng = np.random.default_rng(0)
    head = small_head(model, 2, ("jawOpen", "mouthPucker"), 0, (), 60)
    points = model.mean[model.landmarks][:, :2] * [20, -20] + 300
    photo = rng.integers(0, 255, (48, 40, 3)).astype(np.uint8)

    def plain(name: str, text: str) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            (folder / name).write_text(text)
            return folder / name

        return write

    def made(name: str, make: Callable[[Path], None], shown: str | None = None) -> Callable[[Path], Path]:
        def write(folder: Path) -> Path:
            make(folder / name)
            return folder / (shown or name)

        return write

    def fitted(path: Path) -> None:
        vertices = np.eye(3, dtype=np.float32).repeat(4, 0)
        none, row = (np.zeros((0, 12, 3)), np.zeros((0, 16))), Camera(np.eye(3), 2.0, np.zeros(2)).row()
        FittedPair(vertices, np.zeros(4), np.zeros(5), row, *none, points, points, 0.01, 0.02).save(path)

    def space(path: Path) -> None:
        numbers = [rng.standard_normal(shape) for shape in ((136,), (4, 136), (4,), (4,), (3, 4), (4,))]
        numbers[2], numbers[3] = np.abs(numbers[2]) + 0.1, np.sign(numbers[3])
        ShapeSpace("similarity", *numbers, 0.9).save(path)

    def own(path: Path) -> None:
        with h5py.File(path, "w") as file:
            file.attrs.update({"kind": "face_model", "format_version": 1, "name": "x"})
            file["mean"], file["triangles"], file["identity_basis"] = head.mean, head.triangles, head.identity
            file["expression_basis"], file["expression_names"] = head.expression, list(head.names)

    def foreign(path: Path) -> object:
        kind, found = read_foreign(path.parent if path.suffix in (".json", ".bs") else path)
        check_surface(str(path), found)
        return found

    def testers(folder: Path) -> None:
        people = np.stack([np.stack([head.mean * size, head.mean * size + 0.1]) for size in (1.0, 1.1, 1.2)])
        write_testers(folder, people, head.triangles)

    def frames(path: Path) -> None:
        lines = ["time,jawOpen,smile,yaw", *(f"{0.04 * k:.3f},{k / 9:.3f},0.2,{k}" for k in range(8))]
        path.write_text("\n".join(lines) + "\n")

    def points_file(path: Path) -> None:
        rows = [f"{x:.3f} {y:.3f}" for x, y in points]
        path.write_text("\n".join(["version: 1", "n_points: 68", "{", *rows, "}", ""]))

    def surfaces(path: Path) -> None:
        uv = np.zeros((len(head.mean), 2))
        mesh = Mesh(head.mean, head.triangles, uv, head.triangles)
        path.write_text(obj_text([TexturedObject("Head", mesh, photo[:40, :40])], "a.mtl"))

    def read_surfaces_(path: Path) -> object:
        try:
            return [part for surface in read_surfaces(path) for part in surface]
        except (ValueError, OverflowError) as error:  # what `print_file` turns into its line
            raise InputFileError(f"{path}: {error}") from None

    def faces(path: Path) -> object:
        found = read_arrays_file(path)
        return [found.landmarks[found.known]]

    def ids(path: Path) -> object:
        return read_landmark_ids(path, 100)

    def network(path: Path) -> None:
        from portrait_pipeline.translation.networks import ArtBranch, Autoencoder, critic

        Translator(Autoencoder(4), ArtBranch(4), critic(4, 3)).save(path)

    def video(path: Path) -> None:
        import cv2

        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (64, 48))
        for k in range(6):
            writer.write(np.full((48, 64, 3), 20 * k, np.uint8))
        writer.release()

    binary, text = (damage_bytes,), (damage_words, damage_words, damage_bytes)
    hdf5, npz = (damage_hdf5, damage_hdf5, damage_bytes), (damage_npz, damage_npz, damage_bytes)
    found = {
        "hdf5-fit": Reader(made("a.h5", fitted), FittedPair.load, hdf5),
        "hdf5-rig": Reader(made("a.h5", small_rig().save), Rig.load, hdf5),
        "hdf5-space": Reader(made("a.h5", space), ShapeSpace.load, hdf5),
        "hdf5-model": Reader(made("a.h5", own), foreign, hdf5),
        "hdf5-complete": Reader(made("a.h5", tiny_model(model).save), FaceModel.load, hdf5),
        "hdf5-bfm": Reader(made("a.h5", lambda path: write_bfm(path, head)), foreign, hdf5),
        "hdf5-texts": Reader(made("a.h5", write_texts), lambda path: read_arrays(path, kind="t")[0], hdf5),
        "hdf5-faces": Reader(made("a.h5", lambda path: write_faces(path, points)), faces, hdf5),
        "npz-faces": Reader(
            made("a.npz", lambda path: np.savez(path, landmarks=points[None].repeat(3, 0), group=np.arange(3))),
            faces, npz,
        ),
        "npz-flame": Reader(made("a.npz", lambda path: np.savez(path, **flame_arrays(head))), foreign, npz),
        "pickle-flame": Reader(made("a.pkl", lambda path: write_flame(path, flame_arrays(head))), foreign, binary),
        "obj": Reader(made("a.obj", lambda path: write_obj(path, head.mean, head.triangles, 4)), foreign, text),
        "obj-print": Reader(made("portrait.obj", surfaces), read_surfaces_, text),
        "json-ict": Reader(made("m", lambda path: write_ict(path, head), "m/vertex_indices.json"), foreign, text),
        "bs-facewarehouse": Reader(made("m", testers, "m/Tester_2/Blendshape/shape.bs"),
                                   lambda path: foreign(path.parents[2] / "any.bs"), binary),
        "json": Reader(plain("a.json", '{\n"a": 1.5,\n"b": {"c": [1, 2, 3]}\n}'), read_json, text),
        "yaml": Reader(plain("params.yaml", YAML), load_params, text),
        "csv-frames": Reader(made("a.csv", frames), lambda path: read_frames(path, NAMES, np.zeros(len(NAMES))), text),
        "points": Reader(made("a.pts", points_file), read_points, text),
        "ids": Reader(plain("ids.txt", "\n".join(map(str, range(68)))), ids, text),
        "safetensors": Reader(made("a.safetensors", network), lambda path: bool(Translator.load(path)), binary),
        "video-mp4": Reader(made("a.mp4", video), read_video, binary),
    }  # fmt: skip
    for name in ("png", "jpeg", "webp", "tiff", "gif", "bmp"):
        options = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"} if name == "jpeg" else {}
        found[f"image-{name}"] = Reader(
            made(f"a.{name}", lambda path, options=options: Image.fromarray(photo).save(path, **options)),
            load_image, binary,
        )  # fmt: skip
    return found


YAML = """\
pairs:
  me:
    photo: sample:astronaut
    art: sample:pastel
seed: 3
texture:
  beta: 1.0
  scales: [64, 128]
  iterations: [3, 4]
deform:
  scale: 1.5
"""


def tiny_model(model: object) -> object:
    """The bundled model with two components and three expressions."""
    from dataclasses import replace

    few = slice(0, 3)
    return replace(
        model,
        identity_basis=model.identity_basis[:2],
        expression_basis=model.expression_basis[few],
        expression_names=model.expression_names[few],
        expression_low=model.expression_low[few],
        expression_high=model.expression_high[few],
        expression_spread=model.expression_spread[few],
    )


def write_faces(path: Path, points: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file["landmarks"], file["valid"] = points[None].repeat(3, 0), np.ones((3, 68), bool)
        file["group"] = ["a", "b", "c"]


def write_texts(path: Path) -> None:
    """In the format's first version, whose attributes have no check sum, and with texts in chunks."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "t", "format_version": 1, "remark": "none"})
        file.create_dataset("names", data=["jawOpen", "mouthPucker", "x"], chunks=(2,))


def read_video(path: Path) -> object:
    from portrait_pipeline.video.reader import Film, look_at

    return [frame.time for frame in Film(look_at(path))]


# --- the run -------------------------------------------------------------------------------------------------------


def trial(reader: Reader, path: Path, seed: int) -> str:
    """ "refused", "read", or what went wrong with the valid file once it is mutated."""
    from portrait_pipeline.base.errors import PortraitError

    rng = np.random.default_rng(seed)
    reader.mutate[int(rng.integers(len(reader.mutate)))](rng, path)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            check(reader.read(path))
        return "read"
    except PortraitError as error:
        line = str(error)
        return "refused" if "\n" not in line and len(line) < 1500 else f"message of {len(line)} letters: {line[:200]}"
    except BaseException as error:  # noqa: BLE001 - every other exception is a finding
        where = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in where if "portrait_pipeline" in frame.filename] or where
        place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
        return f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:150]}"
    finally:
        signal.alarm(0)


def work(names: Sequence[str], first: int, count: int, progress: Path) -> None:
    """Try files ``first`` to ``count`` of each reader; a line of each finding to stdout."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    all_ = readers()
    for name in names or all_:
        with tempfile.TemporaryDirectory() as place:
            template = Path(place) / "template"
            template.mkdir()
            shown = all_[name].write(template)
            check(all_[name].read(shown))  # the valid file is read
            counts = {"refused": 0, "read": 0}
            for seed in range(first, count):
                progress.write_text(f"{seed} {counts['refused']} {counts['read']}")
                folder = Path(place) / f"try{seed % 2}"
                shutil.copytree(template, folder, dirs_exist_ok=True)
                result = trial(all_[name], folder / shown.relative_to(template), seed)
                if result in counts:
                    counts[result] += 1
                else:
                    print(f"{name} {seed}: {result}", flush=True)
            print(f"# {name} {counts['refused']} {counts['read']}", flush=True)


def run(name: str, count: int) -> tuple[list[str], int, int]:
    """Findings of a reader (crashes too), and how many files were refused and read."""
    findings, refused, read, first = [], 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        progress = Path(folder) / "at"
        while first < count:
            command = [sys.executable, __file__, "--work", str(progress), str(first), str(count), name]
            done = subprocess.run(command, capture_output=True, text=True)
            for line in done.stdout.splitlines():
                if line.startswith("# "):
                    refused, read = refused + int(line.split()[2]), read + int(line.split()[3])
                else:
                    findings.append(line)
            if done.returncode == 0:
                break
            at, *before = map(int, progress.read_text().split()) if progress.exists() else (-1, 0, 0)
            refused, read = refused + before[0], read + before[1]
            findings.append(f"{name} {at}: crash {done.returncode} {done.stderr[-300:]}")
            if at < 0:
                break
            first = at + 1
    return findings, refused, read


if __name__ == "__main__":
    if sys.argv[1] == "--work":
        work(sys.argv[5:], int(sys.argv[3]), int(sys.argv[4]), Path(sys.argv[2]))
        sys.exit(0)
    names = [name for name in readers() if len(sys.argv) < 3 or any(word in name for word in sys.argv[2:])]
    for name in names:
        findings, refused, read = run(name, int(sys.argv[1]))
        print(f"{name:18} {refused:5} refused {read:5} read {len(findings):4} findings", flush=True)
        for line in findings[:12]:
            print("   ", line)
