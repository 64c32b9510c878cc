"""A standalone HTML page that shows a rig in 3D: no network, no libraries, works from ``file://``.

Geometry and texture stay separable on the page: any of the given looks' textures on any of their geometries. Sliders
change the expression of the first look; the others keep that of their picture. The page is ``assets/viewer.html`` (a
small WebGL program) with the title, the textures and the data put in.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

import numpy as np

from ..animation.pose import EYES, LOOK_DOWN, LOOK_SIDE, LOOK_UP, Pose, posed_parts
from ..animation.rig import Part, Rig, compact
from ..base.artifacts import write_bytes
from ..mesh.files import picture_bytes
from ..mesh.split import split_seams

FIELD_OF_VIEW = 22.0

SLIDERS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Smile", ("mouthSmileLeft", "mouthSmileRight"), ("mouthFrownLeft", "mouthFrownRight")),
    ("Jaw open", ("jawOpen",), ()),
    ("Pucker", ("mouthPucker",), ()),
    ("Blink", ("eyeBlinkLeft", "eyeBlinkRight"), ("eyeWideLeft", "eyeWideRight")),
    ("Brows", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), ("browDownLeft", "browDownRight")),
    ("Sneer", ("noseSneerLeft", "noseSneerRight"), ()),
    ("Cheeks", ("cheekPuff",), ()),
    ("Look aside", ("eyeLookOutLeft", "eyeLookInRight"), ("eyeLookInLeft", "eyeLookOutRight")),
    ("Look up", ("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight")),
)
"""Label, the expressions of values above 0, and those of values below 0 (none: the slider starts at 0)."""


def viewer_html(title: str, looks: Mapping[str, Rig]) -> str:
    """The page as text; equal input gives equal text.

    Args:
        title: shown and used as the page's title; any text, it is escaped.
        looks: label to rig, all with the same parts and topology; the first is shown first.

    Raises:
        ValueError: no look, a look of another topology, a vertex or displacement that is not finite, or a texture that
            is not (H, W, 3) uint8.
    """
    _check(looks)
    first = next(iter(looks.values()))
    # The later looks do not move, so of them the picture's expression is kept.
    still = {name: posed_parts(rig, Pose(rig.expression)) for name, rig in looks.items()}
    everything = np.concatenate([part.mesh.vertices for parts in still.values() for part in parts])
    low, high = everything.min(axis=0), everything.max(axis=0)
    textures: dict[bytes, int] = {}
    pages = []
    for name, rig in looks.items():
        parts = []
        for part, posed in zip(rig.parts, still[name], strict=True):
            vertices = part.mesh.vertices if rig is first else posed.mesh.vertices
            # quality is effort here: 0 takes a third of the time of the default and makes files 1 % larger
            content = picture_bytes(part.texture, "WEBP", lossless=True, quality=0)
            number = textures.setdefault(content, len(textures))
            parts.append({"position": _steps(vertices), "texture": number})
        pages.append({"name": name, "parts": parts})
    data = {
        "centre": [round(float(value), 4) for value in (low + high) / 2],
        "radius": round(float(max(high[0] - low[0], high[1] - low[1]) / 2), 4),
        "field": FIELD_OF_VIEW,
        "look": [LOOK_SIDE, LOOK_UP, LOOK_DOWN],
        "names": list(first.names),
        "picture": [round(float(value), 4) for value in first.expression],
        "sliders": _sliders(first.names),
        "parts": [_part(part) for part in first.parts],
        "looks": pages,
    }
    return _fill(title, data, textures)


def _check(looks: Mapping[str, Rig]) -> None:
    if not looks:
        raise ValueError("a viewer needs at least one look")
    first = next(iter(looks.values()))
    for name, rig in looks.items():
        same = [part.name for part in rig.parts] == [part.name for part in first.parts] and all(
            part.mesh.vertices.shape == other.mesh.vertices.shape
            and np.array_equal(part.mesh.triangles, other.mesh.triangles)
            for part, other in zip(rig.parts, first.parts, strict=True)
        )
        if not same:
            raise ValueError(f"look '{name}' has another topology than the first")
        if not all(np.isfinite(part.mesh.vertices).all() and np.isfinite(part.targets).all() for part in rig.parts):
            raise ValueError(f"look '{name}' has a vertex or displacement that is not finite")


def _sliders(names: Iterable[str]) -> list[dict]:
    """The sliders for which the rig has every expression, as indices into its names."""
    index = {name: place for place, name in enumerate(names)}
    return [
        {"label": label, "up": [index[name] for name in up], "down": [index[name] for name in down]}
        for label, up, down in SLIDERS
        if all(name in index for name in (*up, *down))
    ]


def _part(part: Part) -> dict:
    """Topology and displacements of one part."""
    split = split_seams(part.mesh)
    count = len(part.mesh.vertices)
    data = {
        "name": part.name,
        "count": count,
        "copies": split.source[count:].tolist(),
        "uv": _steps(split.uv),
        "triangles": _base64(split.triangles, _index_type(len(split.source))),
        "targets": [_target(target) for target in part.targets],
    }
    if part.name in EYES:
        data |= {"eye": EYES[part.name], "pivot": _rounded(part.pivot), "stretch": _rounded(part.stretch)}
    return data


def _target(target: np.ndarray) -> dict | None:
    """The displacements that are seen, as 16-bit steps; None if there are none."""
    moved, values = compact(target)
    if not len(moved):
        return None
    return {"moved": _base64(moved, _index_type(len(target)))} | _steps(values)


def _steps(values: np.ndarray) -> dict:
    """Numbers as multiples of a step, in 16 bits: of a head finer than a hundredth of a millimetre."""
    step = max(float(np.abs(values).max()), 1e-12) / 32767
    return {"step": step, "values": _base64(np.rint(values / step), "<i2")}


def _index_type(count: int) -> str:
    return "<u4" if count > 65535 else "<u2"


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]


def _base64(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def _fill(title: str, data: dict, textures: Iterable[bytes]) -> str:
    """The template with its place holders replaced."""
    template = (files(__package__) / "assets" / "viewer.html").read_text(encoding="utf-8")
    pictures = "\n".join(
        f'<img alt="" decoding="sync" src="data:image/webp;base64,{base64.b64encode(content).decode()}">'
        for content in textures
    )
    # "<" is escaped because "</script>" would end the data; split first, so that no user's text is searched
    # for place holders.
    before, between, after = template.replace("%%DATA%%", "%%TEXTURES%%").split("%%TEXTURES%%")
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    title = html.escape(title)
    return before.replace("%%TITLE%%", title) + pictures + between.replace("%%TITLE%%", title) + text + after


def write_viewer(path: str | Path, title: str, looks: Mapping[str, Rig]) -> None:
    """Write :func:`viewer_html` to a file, replaced atomically.

    Raises:
        ValueError: bad data (see there).
        OutputError: the file cannot be written.
    """
    write_bytes(path, viewer_html(title, looks).encode())
