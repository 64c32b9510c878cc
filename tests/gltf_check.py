"""A structural check of GLB files, written from the glTF 2.0 specification and apart from the project's reader."""

from __future__ import annotations

import json
import struct
import subprocess
from pathlib import Path

import numpy as np

VALIDATOR = """
const validator = require("gltf-validator"), fs = require("fs");
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])), { maxIssues: 20 })
  .then((report) => console.log(JSON.stringify(report.issues)));
"""

SIZES = {5121: 1, 5123: 2, 5125: 4, 5126: 4}
TYPES = {5121: "<u1", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


def read_chunks(content: bytes) -> tuple[dict, bytes]:
    magic, version, length = struct.unpack_from("<4sII", content)
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack_from("<I4s", content, 12)
    assert kind == b"JSON" and size % 4 == 0
    document = json.loads(content[20 : 20 + size])
    binary_size, kind = struct.unpack_from("<I4s", content, 20 + size)
    assert kind == b"BIN\0" and binary_size % 4 == 0 and 28 + size + binary_size == len(content)
    return document, content[28 + size :]


def accessor_values(document: dict, binary: bytes, index: int) -> np.ndarray:
    """(N, width), with everything checked that the specification asks of an accessor."""
    accessor = document["accessors"][index]
    count, width, kind = accessor["count"], WIDTHS[accessor["type"]], accessor["componentType"]
    assert count >= 1

    def read(view_index: int, offset: int, kind: int, numbers: int) -> np.ndarray:
        view = document["bufferViews"][view_index]
        start = view["byteOffset"] + offset
        assert view["buffer"] == 0 and start % SIZES[kind] == 0
        assert offset + numbers * SIZES[kind] <= view["byteLength"]
        return np.frombuffer(binary, TYPES[kind], numbers, start)

    values = np.zeros(count * width, TYPES[kind])
    if "bufferView" in accessor:
        values = read(accessor["bufferView"], accessor.get("byteOffset", 0), kind, count * width)
    values = values.reshape(count, width)
    if "sparse" in accessor:
        sparse = accessor["sparse"]
        assert 1 <= sparse["count"] <= count
        for part in ("indices", "values"):
            assert not {"target", "byteStride"} & set(document["bufferViews"][sparse[part]["bufferView"]])
        places = read(sparse["indices"]["bufferView"], 0, sparse["indices"]["componentType"], sparse["count"])
        assert (np.diff(places.astype(int)) > 0).all() and places[-1] < count
        values = values.copy()
        values[places] = read(sparse["values"]["bufferView"], 0, kind, sparse["count"] * width).reshape(-1, width)
    for name, bound in (("min", values.min(axis=0)), ("max", values.max(axis=0))):
        if name in accessor:
            assert np.array_equal(np.float32(accessor[name]), bound)
    return values


def check_glb(content: bytes) -> tuple[dict, bytes]:
    """Assert that the file is sound; return its document and buffer."""
    document, binary = read_chunks(content)
    assert document["asset"]["version"] == "2.0" and set(document.get("extensionsRequired", [])) == set()
    (buffer,) = document["buffers"]
    assert "uri" not in buffer and 0 <= len(binary) - buffer["byteLength"] < 4
    ends = 0
    for view in document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] >= ends
        ends = view["byteOffset"] + view["byteLength"]
    assert ends <= buffer["byteLength"]
    for image in document["images"]:
        start = document["bufferViews"][image["bufferView"]]["byteOffset"]
        assert "uri" not in image and binary[start:].startswith(b"\x89PNG")
    for index in range(len(document["accessors"])):
        assert np.isfinite(accessor_values(document, binary, index)).all()
    for mesh in document["meshes"]:
        _check_mesh(document, binary, mesh)
    _check_nodes(document)
    _check_animations(document, binary)
    return document, binary


def _check_mesh(document: dict, binary: bytes, mesh: dict) -> None:
    counts = {len(primitive.get("targets", [])) for primitive in mesh["primitives"]}
    assert len(counts) == 1  # all primitives have the same targets
    if counts != {0}:
        assert len(mesh["weights"]) == len(mesh["extras"]["targetNames"]) == counts.pop()
    for primitive in mesh["primitives"]:
        attributes = {name: accessor_values(document, binary, index) for name, index in primitive["attributes"].items()}
        count = len(attributes["POSITION"])
        assert {"min", "max"} <= set(document["accessors"][primitive["attributes"]["POSITION"]])
        assert {len(values) for values in attributes.values()} == {count}
        assert np.abs(np.linalg.norm(attributes["NORMAL"], axis=1) - 1).max() < 1e-5
        corners = accessor_values(document, binary, primitive["indices"])
        assert len(corners) % 3 == 0 and corners.max() < count
        for target in primitive.get("targets", []):
            assert set(target) == {"POSITION", "NORMAL"}
            assert {"min", "max"} <= set(document["accessors"][target["POSITION"]])
            assert all(document["accessors"][index]["count"] == count for index in target.values())


def _check_nodes(document: dict) -> None:
    """The nodes are one tree, and every rotation has unit length."""
    nodes, reached = document["nodes"], []
    waiting = list(document["scenes"][document["scene"]]["nodes"])
    while waiting:
        reached.append(waiting.pop())
        waiting += nodes[reached[-1]].get("children", [])
    assert sorted(reached) == list(range(len(nodes)))
    for node in nodes:
        assert abs(np.linalg.norm(node.get("rotation", [0, 0, 0, 1])) - 1) < 1e-6
        assert len({key for key in node if key in ("matrix",)}) == 0


def _check_animations(document: dict, binary: bytes) -> None:
    for animation in document.get("animations", []):
        for channel in animation["channels"]:
            sampler = animation["samplers"][channel["sampler"]]
            times = accessor_values(document, binary, sampler["input"])[:, 0]
            values = accessor_values(document, binary, sampler["output"])
            assert {"min", "max"} <= set(document["accessors"][sampler["input"]])
            assert (np.diff(times) > 0).all() and times[0] >= 0
            node = document["nodes"][channel["target"]["node"]]
            path = channel["target"]["path"]
            each = len(document["meshes"][node["mesh"]]["weights"]) if path == "weights" else 1
            assert len(values) == each * len(times)
            if path == "rotation":
                assert np.abs(np.linalg.norm(values, axis=1) - 1).max() < 1e-5


def validate(validator: list[str], path: Path) -> dict:
    """What the Khronos validator says of a file."""
    done = subprocess.run([*validator, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
