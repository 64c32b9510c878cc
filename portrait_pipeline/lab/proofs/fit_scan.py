"""The fit held against a scan: pictures from nine known views, points detected on them, distances to the surface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from ...base import images
from ...base.errors import InputFileError, NoFaceError
from ...fit.fit import Fit, fit_joint, fit_landmarks
from ...fit.model_at_landmarks import landmark_model
from ...fit.params import FitParams
from ...head.camera import AnyCamera, PerspectiveCamera
from ...head.model import FaceModel
from ...head.pose import angles_from_rotation
from ...mesh.similarity import Similarity
from ...perception.detector import detect
from .fit_errors import seen_rotation
from .known_heads import inside_jaw_line
from .scan import (
    EYE_CORNERS_CM,
    Scan,
    Surface,
    SurfaceDistance,
    look,
    picture_of,
    seen_from,
    surface_distance,
    view_camera,
)

MAX_FILE_BYTES = 256 * 10**6
MAX_TRIANGLES = 4 * 10**6
SUFFIXES = (".glb", ".obj", ".ply", ".stl")
VIEWS = ((0, 0), (-15, 0), (15, 0), (-30, 0), (30, 0), (-45, 0), (45, 0), (0, 15), (0, -15))
"""Yaw and pitch of the nine views, degrees."""
SKIN_VIEWS = ((0, 0), (-40, 0), (40, 0), (-80, 0), (80, 0), (0, 30), (0, -30))
"""From here all skin of a face is seen, and no inside of a mouth or an eye socket."""
NEAR_YAWS = (0.0, -15.0, 15.0)
"""Views that the scan's own eye corners are taken from."""
COARSE_SIZE, COARSE_PX = 900, 600  # first look at the whole file: image side, and what the file's height takes of it
SIZE, SCALE, DISTANCE = 600, 19.0, 80.0
"""Pictures: side in px, px per cm and distance of the viewer in cm at the middle of the head."""
BEHIND_EYES_CM = 6.0
"""From between the eye corners back to the middle of the head, about which the views turn."""
INNER = slice(17, 68)
MEDIAN_STEPS = 50


def read_scan(path: Path, texture: Path | None = None) -> Scan:
    """A textured mesh from a GLB, OBJ, PLY or STL file; no other file is opened, whatever the file names.

    Args:
        path: the mesh, +y up and the face towards +z.
        texture: picture for its UV coordinates; of a GLB, the one inside is used by default.

    Raises:
        InputFileError: missing, too large, damaged, of another kind, without triangles, or a texture without UV.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputFileError(f"{path}: the mesh must be a {', '.join(SUFFIXES)} file; convert it with Blender, say")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputFileError(
                f"{path}: {path.stat().st_size / 1e6:.0f} MB, at most {MAX_FILE_BYTES // 10**6} MB are read; "
                "reduce the mesh or its texture"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error
    try:
        mesh = trimesh.load(BytesIO(content), file_type=suffix[1:], resolver=None, force="mesh", process=False)
    except Exception as error:  # trimesh raises whatever its parsers meet in a damaged file
        words = " ".join(str(error).split())[:120]
        raise InputFileError(f"{path}: damaged or no {suffix[1:].upper()} mesh ({words}); export it again") from error
    vertices, triangles = np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int32)
    if not 4 <= len(triangles) <= MAX_TRIANGLES or not np.isfinite(vertices).all() or triangles.max() >= len(vertices):
        raise InputFileError(
            f"{path}: {len(triangles)} triangles, {len(vertices)} vertices: 4 to {MAX_TRIANGLES} triangles with finite "
            "positions are needed; export the mesh again"
        )
    return Scan(vertices, triangles, *_appearance(path, mesh, texture))


def _appearance(
    path: Path, mesh: trimesh.Trimesh, texture: Path | None
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    visual = mesh.visual
    uv = getattr(visual, "uv", None)
    if texture is not None:
        if uv is None or len(uv) != len(mesh.vertices):
            raise InputFileError(f"{path}: no UV coordinates to lay {texture} on it; leave out the texture")
        return np.asarray(uv, float), images.load_image(texture), None
    material = getattr(visual, "material", None)
    picture = getattr(material, "baseColorTexture", None)
    if uv is not None and picture is not None:
        picture.thumbnail((4096, 4096))
        return np.asarray(uv, float), np.asarray(picture.convert("RGB")), None
    if visual.kind == "vertex":
        return None, None, np.asarray(visual.vertex_colors, float)[:, :3]
    return None, None, None


@dataclass(frozen=True)
class Located:
    """A scan in head units with its own landmarks.

    Attributes:
        scan: cm, outer eye corners 9 cm apart, the origin in the middle of the head.
        skin: (V,) bool, vertices that are seen from outside. surface: triangles between them.
        landmarks: (51, 3) points 18 to 68 on it; NaN where none was seen.
    """

    scan: Scan
    skin: np.ndarray
    surface: Surface
    landmarks: np.ndarray


def locate_scan(scan: Scan, path: Path) -> Located:
    """Find the face on a scan, and bring it to its unit and place.

    A first look from the front gives unit and place roughly; the eye corners that fix both are the medians over
    three near-frontal views.

    Raises:
        NoFaceError: none is seen from the front.
    """
    low, high = scan.vertices.min(axis=0), scan.vertices.max(axis=0)
    extent = max(float(high[1] - low[1]), 1e-9)
    scan = scan.moved((low + high) / 2, 30.0 / extent)  # 30 cm high, for a start
    first = view_camera(0.0, 0.0, 150.0, COARSE_PX / 30.0, COARSE_SIZE)
    near = [view_camera(yaw, 0.0, DISTANCE, SCALE, SIZE) for yaw in NEAR_YAWS]
    for cameras, size in (([first], COARSE_SIZE), (near, SIZE), (near, SIZE)):
        points = _seen_landmarks(scan, cameras, size)
        corners = points[[36, 45]]
        width = float(np.linalg.norm(corners[1] - corners[0]))
        if not np.isfinite(corners).all() or width < 1e-9:
            raise NoFaceError(
                f"{path}: no face is seen from the front; turn the mesh so that +y is up and the face looks along +z"
            )
        scale = EYE_CORNERS_CM / width
        middle = corners.mean(axis=0) - [0.0, 0.0, BEHIND_EYES_CM / scale]
        scan, points = scan.moved(middle, scale), (points - middle) * scale
    around = [view_camera(yaw, pitch, DISTANCE, SCALE, SIZE) for yaw, pitch in SKIN_VIEWS]
    skin = seen_from(scan, around, SIZE)
    surface = Surface.of(scan.vertices, scan.triangles[skin[scan.triangles].all(axis=1)])
    return Located(scan, skin, surface, points[INNER])


def _seen_landmarks(scan: Scan, cameras: list[PerspectiveCamera], size: int) -> np.ndarray:
    """Landmarks (68, 3) on the scan, medians over the views; NaN where none shows them."""
    found = []
    for camera in cameras:
        detection = detect(picture_of(scan, camera, size))
        if detection is not None:
            found.append(look(scan, camera, size).at(detection.points, scan))
    values = np.array(found).reshape(-1, 68, 3)
    result = np.full((68, 3), np.nan)
    known = np.isfinite(values).all(axis=2).any(axis=0)
    result[known] = np.nanmedian(values[:, known], axis=0) if known.any() else np.nan
    return result


@dataclass(frozen=True)
class Photograph:
    """The scan from a known view.

    Attributes:
        yaw, pitch: of the view, degrees. camera: it.
        picture: (S, S, 3) uint8. points: (68, 2) detected px.
    """

    yaw: float
    pitch: float
    camera: PerspectiveCamera
    picture: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class ViewResult:
    """One view, fitted alone and together with the others.

    Attributes:
        photo: the view.
        fit: of this view alone. distance: of that fit to the scan.
        pose_error: of that fit, (3,) yaw, pitch and roll in degrees.
        joint_pose_error: likewise of the joint fit in this view.
        exact_pose_error: of a fit to the scan's own points in this view, without jaw: what is not the detector's.
    """

    photo: Photograph
    fit: Fit
    distance: SurfaceDistance
    pose_error: np.ndarray
    joint_pose_error: np.ndarray
    exact_pose_error: np.ndarray


@dataclass(frozen=True)
class ScanReport:
    """The fit against a scan.

    Attributes:
        located: the scan. views: those in which a face was found. unseen: yaw and pitch of the others.
        joint_vertices: (V, 3) the head fitted to all views, in the median of its expressions; joint_distance: of it.
        mean_distance: of the model's mean head, to compare with.
    """

    located: Located
    views: list[ViewResult]
    unseen: list[tuple[float, float]]
    joint_vertices: np.ndarray
    joint_distance: SurfaceDistance
    mean_distance: SurfaceDistance


def face_region(model: FaceModel) -> np.ndarray:
    """(V,) bool: skin of the face from hairline to jaw line and from ear to ear, without the surfaces that close eyes
    and mouth."""
    return inside_jaw_line(model) & (model.regions == model.REGIONS.index("face"))


def measure_scan(
    model: FaceModel, scan: Scan, path: Path, params: FitParams, notify: Callable[[str], None] = lambda line: None
) -> ScanReport:
    """Render, detect, fit and measure.

    Args:
        model: to be fitted. scan: from :func:`read_scan`. path: for messages.
        params: of the fit. notify: is told about each view.

    Raises:
        NoFaceError: no face from the front.
        FitError: see :func:`~portrait_pipeline.fit.fit.fit_landmarks`.
    """
    located = locate_scan(scan, path)
    photos, unseen = _photograph(located, notify)
    if not photos:
        raise NoFaceError(f"{path}: no face was found in any of {len(VIEWS)} views; give the scan a texture")
    cameras, size = [photo.camera for photo in photos], (SIZE, SIZE)
    joint = fit_joint(
        model,
        [photo.points for photo in photos],
        params,
        image_sizes=[size] * len(photos),
        images=[photo.picture for photo in photos],
    )
    joint_vertices = model.vertices(joint[0].identity, np.median([fit.expression for fit in joint], axis=0))
    joint_distance = _distance(model, joint_vertices, located)
    fits = [fit_joint(model, [photo.points], params, image_sizes=[size], images=[photo.picture])[0] for photo in photos]
    exact = [fit_landmarks(model, _own_points(located, camera), params, image_size=size) for camera in cameras]
    distances = [_distance(model, model.vertices(fit.identity, fit.expression), located) for fit in fits]
    placements = [joint_distance.placement] * len(photos)
    errors = (
        pose_errors([fit.camera for fit in fits], cameras, [distance.placement for distance in distances]),
        pose_errors([fit.camera for fit in joint], cameras, placements),
        pose_errors([fit.camera for fit in exact], cameras, placements),
    )
    views = [ViewResult(*measured) for measured in zip(photos, fits, distances, *errors, strict=True)]
    mean_distance = _distance(model, model.mean.astype(float), located)
    return ScanReport(located, views, unseen, joint_vertices, joint_distance, mean_distance)


def _photograph(located: Located, notify: Callable[[str], None]) -> tuple[list[Photograph], list[tuple[float, float]]]:
    """The views with a face, and yaw and pitch of the others."""
    photos, unseen = [], []
    for yaw, pitch in VIEWS:
        camera = view_camera(yaw, pitch, DISTANCE, SCALE, SIZE)
        picture = picture_of(located.scan, camera, SIZE)
        detection = detect(picture)
        notify(f"view yaw {yaw:+d} pitch {pitch:+d}: {'no face found' if detection is None else detection.source}")
        if detection is None:
            unseen.append((yaw, pitch))
        else:
            photos.append(Photograph(yaw, pitch, camera, picture, detection.points))
    return photos, unseen


def _own_points(located: Located, camera: PerspectiveCamera) -> np.ndarray:
    """The scan's landmarks as the camera sees them, (68, 2) px; NaN for the jaw and for points that are not known."""
    points = np.full((68, 2), np.nan)
    points[INNER] = camera.project(located.landmarks)[:, :2]
    return points


def _distance(model: FaceModel, vertices: np.ndarray, located: Located) -> SurfaceDistance:
    known = np.isfinite(located.landmarks).all(axis=1)
    points = landmark_model(model).surface.of(vertices)[INNER][known]
    return surface_distance(
        vertices,
        model.triangles,
        face_region(model),
        points,
        located.scan,
        located.skin,
        located.surface,
        located.landmarks[known],
    )


def pose_errors(
    fitted: Sequence[AnyCamera], known: Sequence[PerspectiveCamera], placements: Sequence[Similarity]
) -> np.ndarray:
    """Yaw, pitch and roll (N, 3) degrees of the fitted cameras minus those of the known views.

    What is frontal is a model's own convention, so the axes of the head on the scan are those that agree best with
    all views (the geometric median of the rotations from head to scan): a constant turn of all fits is no error.

    Args:
        fitted: cameras of the fits, head space to image.
        known: cameras of the scan.
        placements: head space to the scan; only the place of the head's origin is used.
    """
    turns = Rotation.from_matrix([k.rotation.T @ f.rotation for f, k in zip(fitted, known, strict=True)])
    own = turns.mean()
    for _ in range(MEDIAN_STEPS):  # Weiszfeld: a few views that are far off do not turn the others
        own = turns.mean(1.0 / np.maximum((turns * own.inv()).magnitude(), 1e-3))
    errors = []
    for camera, view, placement in zip(fitted, known, placements, strict=True):
        translation = view.rotation @ placement.translation + view.translation
        true = PerspectiveCamera(view.rotation @ own.as_matrix(), translation, view.focal, view.principal)
        found, given = (np.array(angles_from_rotation(seen_rotation(each))) for each in (camera, true))
        errors.append((found - given + 180.0) % 360.0 - 180.0)
    return np.array(errors)
