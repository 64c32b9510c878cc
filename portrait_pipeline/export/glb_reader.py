"""Reading a rig back from its own GLB: everything needed to pose a finished head is in that one file.

The file may come from anywhere, so nothing in it is taken on trust: limits on its size and on the pictures in it,
every range checked (:mod:`portrait_pipeline.mesh.gltf`), no other file opened.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ..animation.frames import Frames, add_animation, drop_animation
from ..animation.pose import EYES, Pose
from ..animation.rig import Part, Rig
from ..base.errors import InputFileError
from ..mesh import gltf
from ..mesh.files import METRES_PER_CM
from ..mesh.mesh import Mesh
from .glb import RIG_VERSION, set_pose

MAX_FILE_BYTES = 256 * 10**6
MAX_SIDE = 8192
_MAX_PARTS, _MAX_TARGETS, _MAX_DISPLACEMENTS = 16, 1024, 20 * 10**6
_DAMAGE = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OSError,
    SyntaxError,
    EOFError,
    OverflowError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True)
class RigFile:
    """An opened GLB of a rig, without the animation that it may have had.

    Attributes:
        path: for messages.
        document, binary: as :func:`portrait_pipeline.mesh.gltf.unpack` gives them.
        names: E expression names.
        expression: (E,) coefficients it shows. picture: (E,) those of the picture it was made from.
    """

    path: Path
    document: dict
    binary: bytes
    names: tuple[str, ...]
    expression: np.ndarray
    picture: np.ndarray

    def posed(self, pose: Pose) -> bytes:
        """The same file in another pose: nothing but weights and rotations changes.

        Raises:
            InputFileError: the file is damaged.
        """
        try:
            return gltf.pack(set_pose(self.document, self.names, pose), self.binary)
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error

    def animated(self, frames: Frames) -> bytes:
        """The same file with an animation; it starts with the pose of the first frame.

        Raises:
            InputFileError: the file is damaged.
        """
        try:
            document = set_pose(self.document, self.names, Pose(frames.expression[0], *frames.turns[0].tolist()))
            return gltf.pack(*add_animation(document, self.binary, self.names, frames))
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error

    def rig(self) -> Rig:
        """The rig in it, with the vertices of seams joined again.

        Raises:
            InputFileError: the file is damaged.
        """
        try:
            return self._rig()
        except _DAMAGE as error:
            raise _damaged(self.path, error) from error

    def _rig(self) -> Rig:
        nodes = {node["name"]: node for node in self.document["nodes"]}
        neck = _vector(nodes["Portrait"]["translation"])
        primitives = [primitive for mesh in self.document["meshes"] for primitive in mesh["primitives"]]
        if not 1 <= len(primitives) <= _MAX_PARTS:
            raise ValueError(f"{len(primitives)} parts; from 1 to {_MAX_PARTS} are expected")
        parts = tuple(self._part(primitive, nodes, neck) for primitive in primitives)
        return Rig(parts, self.names, self.picture, neck / METRES_PER_CM)

    def _part(self, primitive: dict, nodes: dict[str, dict], neck: np.ndarray) -> Part:
        material = self.document["materials"][primitive["material"]]
        name, attributes = str(material["name"]), primitive["attributes"]
        position, uv = self._read(attributes["POSITION"], 3), self._read(attributes["TEXCOORD_0"], 2)
        corners = self._read(primitive["indices"], 1).astype(np.int64)
        copies = np.array(primitive["extras"]["copies"], np.int64).reshape(-1)
        count = len(position) - len(copies)
        if len(uv) != len(position) or len(corners) % 3 or not _inside(corners, len(position)):
            raise ValueError(f"the corners of {name} do not fit its vertices")
        if not _inside(copies, count):
            raise ValueError(f"the repeated vertices of {name} are not among its vertices")
        corners = corners.reshape(-1, 3).astype(np.int32)
        source = np.concatenate([np.arange(count), copies]).astype(np.int32)
        coordinates = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1)
        mesh = Mesh(position[:count].astype(float) / METRES_PER_CM, source[corners], coordinates, corners)
        socket = nodes[f"{name}Socket"] if name in EYES else {"translation": (-neck).tolist(), "scale": [1, 1, 1]}
        return Part(
            name,
            mesh,
            self._picture(material),
            self._targets(primitive, name, count),
            (_vector(socket["translation"]) + neck) / METRES_PER_CM,
            _vector(socket["scale"]),
        )

    def _targets(self, primitive: dict, name: str, count: int) -> np.ndarray:
        """(E, count, 3) float32, cm; (0, count, 3) of an eyeball."""
        targets = primitive.get("targets", [])
        if len(targets) != (0 if name in EYES else len(self.names)):
            raise ValueError(f"{name} has {len(targets)} targets for {len(self.names)} expressions")
        if len(targets) * count > _MAX_DISPLACEMENTS:  # sparse ones cost memory that the file does not pay for
            raise ValueError(f"{name} has {len(targets) * count} displacements; the limit is {_MAX_DISPLACEMENTS}")
        result = np.zeros((len(targets), count, 3), np.float32)
        for index, target in enumerate(targets):
            result[index] = self._read(target["POSITION"], 3)[:count] / np.float32(METRES_PER_CM)
        return result

    def _picture(self, material: dict) -> np.ndarray:
        texture = self.document["textures"][material["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
        view = self.document["images"][texture["source"]]["bufferView"]
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(gltf.view_bytes(self.document, self.binary, view)), formats=("PNG",))
            if max(image.size) > MAX_SIDE:
                raise ValueError(f"a texture has {max(image.size)} pixels a side; the limit is {MAX_SIDE}")
            return np.array(image.convert("RGB"))

    def _read(self, index: int, width: int) -> np.ndarray:
        values = gltf.read_accessor(self.document, self.binary, index)
        if values.ndim != min(width, 2) or (width > 1 and values.shape[1] != width):
            raise ValueError(f"accessor {index} does not hold vectors of {width}")
        return values


def open_rig(path: str | Path) -> RigFile:
    """Open a rig's GLB and read what posing it takes; vertices and textures are read by :meth:`RigFile.rig`.

    Args:
        path: the file, or the folder of results that holds it as ``head.glb``.

    Raises:
        InputFileError: missing, too large, damaged, or not a rig written by this program.
    """
    path = Path(path)
    path = path / "head.glb" if path.is_dir() else path
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputFileError(f"{path}: {path.stat().st_size} bytes; the limit is {MAX_FILE_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"{path}: cannot be read ({error.strerror}); give a folder of results or its head.glb"
        ) from error
    try:
        document, binary = gltf.unpack(content)
    except InputFileError as error:
        raise InputFileError(f"{path}: {error}") from error
    try:
        extras = document["scenes"][0].get("extras", {})
        if extras.get("portraitRig") != RIG_VERSION:
            raise InputFileError(
                f"{path}: has no rig of version {RIG_VERSION} in it; make the head again with this program"
            )
        if any("uri" in item for item in [*document["buffers"], *document["images"]]):
            raise ValueError("it names other files")
        return _opened(path, *drop_animation(document, binary), extras)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _opened(path: Path, document: dict, binary: bytes, extras: dict) -> RigFile:
    head = document["meshes"][0]
    names = tuple(head["extras"]["targetNames"])
    expression = np.array(head.get("weights", []), float)
    picture = np.array(extras["picture"], float)
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names) or len(names) > _MAX_TARGETS:
        raise ValueError("the names of its expressions are not strings that differ")
    if expression.shape != (len(names),) or picture.shape != (len(names),):
        raise ValueError(f"{expression.size} weights for {len(names)} expressions")
    if not (np.isfinite(expression).all() and np.isfinite(picture).all()):
        raise ValueError("a weight is not finite")
    return RigFile(path, document, binary, names, expression, picture)


def _inside(index: np.ndarray, count: int) -> bool:
    return bool(((index >= 0) & (index < count)).all())


def _vector(values: list) -> np.ndarray:
    vector = np.array(values, float)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError("a node's place or scale is not three numbers")
    return vector


def _damaged(path: Path, error: Exception) -> InputFileError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputFileError(
        f"{path}: damaged, or changed by another program ({reason}); give the head.glb of a folder of results"
    )
