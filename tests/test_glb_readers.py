"""GLB files open in other programs' readers, with all that is in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import assimp_py
import numpy as np
import pygltflib
import pytest
import trimesh
from rigs import NAMES, globe, quadrants, small_rig

from portrait_pipeline.animation.rig import SHELL, Part, Rig
from portrait_pipeline.export.glb import write_rig_glb


@pytest.fixture(scope="module")
def portrait() -> Rig:
    """Head with teeth and eyes, of whose expressions one moves nothing, and a shell."""
    hair = globe(10, 14, 10.0)
    none = np.zeros((0, len(hair.vertices), 3), np.float32)
    rig = small_rig()
    return replace(rig, parts=(*rig.parts, Part(SHELL, hair, quadrants(), none, np.zeros(3), np.ones(3))))


@pytest.fixture(params=["head.glb", "portrait.glb"])
def file(request: pytest.FixtureRequest, portrait: Rig, tmp_path: Path) -> tuple[Path, Rig]:
    rig = portrait if request.param == "portrait.glb" else portrait.bare
    write_rig_glb(tmp_path / request.param, rig)
    return tmp_path / request.param, rig


def test_assimp(file: tuple[Path, Rig]) -> None:
    path, rig = file
    scene = assimp_py.import_file(str(path), assimp_py.Process_Triangulate)
    found = sorted(len(mesh.indices) for mesh in scene.meshes)
    assert found == sorted(3 * len(part.mesh.triangles) for part in rig.parts)


def test_pygltflib(file: tuple[Path, Rig]) -> None:
    path, rig = file
    document = pygltflib.GLTF2().load(path)
    head = document.meshes[0]
    assert head.extras["targetNames"] == list(NAMES) and len(head.weights) == len(NAMES)
    assert all(len(primitive.targets) == len(NAMES) for primitive in head.primitives)
    assert sum(len(mesh.primitives) for mesh in document.meshes) == len(rig.parts)
    assert all(accessor.bufferView is not None for accessor in document.accessors)


def test_trimesh(file: tuple[Path, Rig]) -> None:
    path, rig = file
    scene = trimesh.load(path, process=False)
    assert sorted(len(solid.faces) for solid in scene.geometry.values()) == sorted(
        len(part.mesh.triangles) for part in rig.parts
    )
