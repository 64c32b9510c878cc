"""Pictures of face models: is the file what it should be, and did its landmarks land where they belong?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from ..export.contact_sheet import compose, tight_frame
from ..export.lettering import label_font
from ..head.model import FaceModel
from ..mesh.geometry import vertex_normals
from ..mesh.render import Framing, View, camera_vertices, embree_rasterise
from .conversion import Converted

PANEL = 620  # px
FRONT, SIDE, PROFILE, BACK = View(0, 0), View(35, 0), View(80, 0), View(180, 0)
LIGHT = np.array([-0.35, 0.45, 0.82]) / np.linalg.norm([-0.35, 0.45, 0.82])
SHOWN_EXPRESSIONS = ("jawOpen", "mouthSmileLeft", "mouthPucker", "eyeBlinkLeft", "browInnerUp", "noseSneerLeft")
MODES = 4
SKIN, UNKNOWN = (0.93, 0.86, 0.80), (0.62, 0.72, 0.86)  # colours of a surface: as it is, and continued
MARK, CONTOUR, TEXT = (200, 30, 30), (40, 120, 60), (20, 40, 160)


def shaded(
    vertices: np.ndarray,
    triangles: np.ndarray,
    view: View,
    framing: Framing,
    size: int,
    colours: np.ndarray | None = None,
) -> np.ndarray:
    """(size, size, 3) uint8 picture of a mesh without texture: lit, on white.

    Args:
        vertices: (V, 3) head space, cm. triangles: (F, 3).
        colours: (V, 3) in [0, 1], or one colour for all.
    """
    placed = camera_vertices(vertices, view, framing)
    triangle, weights = embree_rasterise(placed, triangles.astype(np.int32), size)
    seen = triangle >= 0
    corners, share = triangles[triangle[seen]], weights[seen].astype(float)
    normals = np.einsum("nk,nki->ni", share, vertex_normals(placed, triangles)[corners])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = 0.25 + 0.65 * np.clip((normals @ LIGHT + 0.2) / 1.2, 0.0, 1.0) + 0.12 * np.clip(normals[:, 2], 0.0, 1.0)
    tint = np.array(SKIN) if colours is None else np.einsum("nk,nki->ni", share, colours[corners])
    picture = np.ones((size, size, 3))
    picture[seen] = np.clip(light[:, None] * tint, 0.0, 1.0)
    return np.round(picture * 255).astype(np.uint8)


def marked(
    picture: np.ndarray,
    points: np.ndarray,
    view: View,
    framing: Framing,
    colour: tuple[int, int, int] = MARK,
    numbers: bool = True,
) -> np.ndarray:
    """The picture of :func:`shaded` with points (N, 3) as dots, and their numbers."""
    size = len(picture)
    image = Image.fromarray(picture)
    pen, font = ImageDraw.Draw(image), label_font(max(size // 62, 8))
    dot = max(size / 300, 1.5)
    for number, (x, y, _) in enumerate(camera_vertices(points, view, framing)):
        column, row = (x + 1) / 2 * size, (1 - y) / 2 * size
        pen.ellipse((column - dot, row - dot, column + dot, row + dot), colour)
        if numbers:
            pen.text((column + dot, row - dot), str(number), TEXT, font, anchor="ls")
    return np.array(image)


def preview_sheet(model: FaceModel, width: int = 2200) -> np.ndarray:
    """One picture of a model: its landmarks, its first identity components at two deviations, some expressions."""
    mean = model.mean.astype(float)
    framing = tight_frame(mean, (FRONT, SIDE, PROFILE))
    face = face_frame(mean[model.landmarks])

    def panel(vertices: np.ndarray, view: View = FRONT, frame: Framing = framing) -> np.ndarray:
        return shaded(vertices, model.triangles, view, frame, PANEL)

    close = shaded(mean, model.triangles, FRONT, face, 2 * PANEL)
    aside = shaded(mean, model.triangles, SIDE, face, 2 * PANEL)
    contours = marked(aside, mean[model.jaw_contours].reshape(-1, 3), SIDE, face, CONTOUR, False)
    rows = [
        [
            ("Landmarks", marked(close, mean[model.landmarks], FRONT, face)),
            ("From the side, with the jaw's candidates", marked(contours, mean[model.landmarks], SIDE, face)),
        ],
        [(f"{view.azimuth:g} degrees", panel(mean, view)) for view in (FRONT, SIDE, PROFILE, BACK)],
    ]
    modes = range(min(MODES, len(model.identity_basis)))
    none = np.zeros(len(model.expression_names))
    for sign in (-2.0, 2.0):
        heads = [(f"Identity {k + 1}: {sign:+g} sd", np.eye(1, k + 1, k)[0] * sign) for k in modes]
        if heads:
            rows.append([(name, panel(model.vertices(weights, none))) for name, weights in heads])
    lower = Framing(face.centre - [0.0, 1.0, 0.0], 1.15 * face.half_extent)  # an open mouth lowers the chin
    shapes = [(name, panel(model.vertices(np.zeros(0), weights), FRONT, lower)) for name, weights in poses(model)]
    rows += [shapes[k : k + 4] for k in range(0, len(shapes), 4)]
    return compose(rows, width, f"{model.name}: {describe(model)}")


def poses(model: FaceModel) -> list[tuple[str, np.ndarray]]:
    """Captions and coefficients of up to eight expressions: the best known ones, then the first of the others."""
    names = list(model.expression_names)
    own = [name for name, spread in zip(names, model.expression_spread, strict=True) if spread > 0.01]
    chosen = [name for name in own if name not in SHOWN_EXPRESSIONS][: 8 - len(SHOWN_EXPRESSIONS)]
    if not any(name in own for name in SHOWN_EXPRESSIONS):
        chosen = own[:4]
    result = []
    for name in [*chosen, *(name for name in SHOWN_EXPRESSIONS if name in names)][:8]:
        value = np.zeros(len(names))
        high = float(model.expression_high[names.index(name)])
        value[names.index(name)] = high if np.isfinite(high) else 2.0
        result.append((f"{name} {value.max():g}", value))
    return result


def face_frame(points: np.ndarray) -> Framing:
    """A close frame about the 68 landmarks (68, 3)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return Framing((low + high) / 2, float((high - low)[:2].max()) / 2 * 1.1)


def describe(model: FaceModel) -> str:
    """Sizes of a model in words."""
    kind = "" if model.cross_basis is None else ", bilinear"
    return (
        f"{len(model.mean)} vertices, {len(model.identity_basis)} identity components, "
        f"{len(model.expression_names)} expressions{kind}"
    )


def registration_sheet(converted: Converted, head: FaceModel, width: int = 2200) -> np.ndarray:
    """Source and result side by side with their landmarks, and what of the head the source covers."""
    registration, mean = converted.registration, converted.foreign.mean
    own = mean[landmark_ids(converted, head)]
    frame = tight_frame(registration.vertices, (FRONT, SIDE))
    face = face_frame(registration.vertices[head.landmarks])
    result = converted.model.mean.astype(float)
    covered = np.where(registration.covered[:, None], SKIN, UNKNOWN)

    def row(frame: Framing, view: View, size: int) -> list[tuple[str, np.ndarray]]:
        source = shaded(mean, converted.skin, view, frame, size)
        laid = shaded(registration.vertices, head.triangles, view, frame, size, covered)
        final = shaded(result, converted.model.triangles, view, frame, size)
        return [
            ("Source, its landmarks", marked(source, own, view, frame)),
            (
                "Bundled head laid onto it (blue: not covered)",
                marked(laid, registration.vertices[head.landmarks], view, frame),
            ),
            ("Result", marked(final, result[converted.model.landmarks], view, frame)),
        ]

    title = f"{converted.foreign.name}: mean distance over the face {10 * registration.residual:.2f} mm"
    return compose([row(face, FRONT, 2 * PANEL), row(frame, SIDE, PANEL), row(frame, PROFILE, PANEL)], width, title)


def landmark_ids(converted: Converted, head: FaceModel) -> Sequence[int]:
    """(68,) vertices of the source: its own where known, else the nearest to the bundled head's."""
    found = converted.registration.points.nearest_vertex()[head.landmarks]
    own = converted.foreign.landmarks
    return found if own is None else np.where(own >= 0, own, found)
