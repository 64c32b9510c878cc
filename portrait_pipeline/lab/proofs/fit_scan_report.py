"""What ``portrait fit scan`` and ``portrait fit check`` write: numbers, a table, and pictures to judge by eye."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from ...base import images
from ...base.artifacts import atomic_path, write_json
from ...fit.fit import Fit, fit_errors, fit_joint
from ...fit.params import FitParams
from ...head.camera import AnyCamera, PerspectiveCamera
from ...head.model import FaceModel, load_bundled_model
from ...head.points import POLYLINES, eye_distance
from ...head.pose import angles_from_rotation
from ...landmarks.params import LandmarksParams
from ...mesh.render import View, frame_head
from ...perception.detector import locate
from ...samples.sources import resolve
from ...shapes.plots import LOOK, PAGE, save_figure
from .fit_errors import seen_rotation
from .fit_plots import LARGEST_MM, coloured_view
from .fit_scan import ScanReport, face_region, measure_scan, read_scan

DETECTED, FITTED = (70, 170, 255), (255, 130, 20)
ANGLES = ("yaw", "pitch", "roll")


def scan_file(
    path: Path, texture: Path | None, folder: Path, params: FitParams, notify: Callable[[str], None]
) -> list[str]:
    """Hold the fit against the scan in a file and write ``scan.json``, ``views.csv``, ``views.png``, ``distance.png``.

    Returns:
        Lines that sum up the result.

    Raises:
        InputFileError, NoFaceError, FitError: see :mod:`.fit_scan`.
        OutputError: the disk refuses.
    """
    model = load_bundled_model()
    report = measure_scan(model, read_scan(path, texture), path, params, notify)
    rows = view_rows(report)
    with atomic_path(folder / "views.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    numbers = scan_numbers(report, rows)
    images.save_image(folder / "views.png", _view_sheet(model, report))
    save_figure(_distance_figure(model, report), folder / "distance.png")
    write_json(folder / "scan.json", numbers)
    single, joint, exact = numbers["single"], numbers["joint"], numbers["exact_points"]
    return [
        f"mean head: {numbers['mean_head']['mean_mm']:.2f} mm from the scan's face (eye corners 90 mm apart)",
        f"each of {len(rows)} views alone: {single['mean_mm']:.2f} mm; pose off by yaw {single['yaw_deg']:.1f}, pitch "
        f"{single['pitch_deg']:.1f}, roll {single['roll_deg']:.1f} degrees",
        f"all views together: {joint['mean_mm']:.2f} mm; yaw {joint['yaw_deg']:.1f}, pitch {joint['pitch_deg']:.1f}, "
        f"roll {joint['roll_deg']:.1f} degrees",
        f"with the scan's own points instead of detected ones: yaw {exact['yaw_deg']:.1f}, pitch "
        f"{exact['pitch_deg']:.1f}, roll {exact['roll_deg']:.1f} degrees",
    ]


def view_rows(report: ScanReport) -> list[dict[str, float]]:
    """One row a view: its angles, distances of its own fit in mm, signed pose errors of its fits in degrees."""
    rows = []
    for view in report.views:
        row = {
            "view_yaw": view.photo.yaw,
            "view_pitch": view.photo.pitch,
            "to_scan_mm": view.distance.to_scan_mm,
            "to_head_mm": view.distance.to_head_mm,
        }
        kinds = {"": view.pose_error, "joint_": view.joint_pose_error, "exact_": view.exact_pose_error}
        for prefix, errors in kinds.items():
            row |= {f"{prefix}{name}_deg": float(error) for name, error in zip(ANGLES, errors, strict=True)}
        rows.append(row)
    return rows


def scan_numbers(report: ScanReport, rows: list[dict[str, float]]) -> dict[str, object]:
    """The content of scan.json: means over the views, pose errors as mean absolute values."""

    def pose(prefix: str) -> dict[str, float]:
        return {f"{name}_deg": float(np.mean([abs(row[f"{prefix}{name}_deg"]) for row in rows])) for name in ANGLES}

    single = {name: float(np.mean([row[name] for row in rows])) for name in ("to_scan_mm", "to_head_mm")}
    distances = {
        name: {"to_scan_mm": distance.to_scan_mm, "to_head_mm": distance.to_head_mm, "mean_mm": distance.mean_mm}
        for name, distance in (("mean_head", report.mean_distance), ("joint", report.joint_distance))
    }
    return {
        "views": len(rows),
        "views_without_a_face": len(report.unseen),
        "mean_head": distances["mean_head"],
        "single": single | {"mean_mm": 0.5 * (single["to_scan_mm"] + single["to_head_mm"])} | pose(""),
        "joint": distances["joint"] | pose("joint_"),
        "exact_points": pose("exact_"),
    }


def _view_sheet(model: FaceModel, report: ScanReport) -> np.ndarray:
    """The views, three a row, with detected points and the outline of the head fitted to each alone."""
    drawn = [fit_overlay(model, view.photo.picture, view.photo.points, view.fit) for view in report.views]
    size = drawn[0].shape[0]
    blank = np.full((size, size, 3), 255, np.uint8)
    drawn += [blank] * (-len(drawn) % 3)
    return np.concatenate([np.concatenate(drawn[i : i + 3], axis=1) for i in range(0, len(drawn), 3)])


def _distance_figure(model: FaceModel, report: ScanReport) -> Figure:
    """Distance of face regions to the scan in colours: mean head, frontal view alone, all views together."""
    frontal = min(report.views, key=lambda view: abs(view.photo.yaw) + abs(view.photo.pitch))
    shown = (
        ("mean head", model.mean.astype(float), report.mean_distance),
        ("frontal view alone", model.vertices(frontal.fit.identity, frontal.fit.expression), frontal.distance),
        ("all views together", report.joint_vertices, report.joint_distance),
    )
    with rc_context(dict(LOOK)):
        figure = Figure(figsize=(PAGE, 2.6), layout="constrained")
        grid = figure.subplots(1, 3)
        for axes, (title, vertices, distance) in zip(grid, shown, strict=True):
            values = np.full(len(vertices), np.nan)
            values[face_region(model)] = distance.distances
            framing = frame_head(vertices[face_region(model)], elevation=0.0)
            picture = coloured_view(model.mesh(vertices), values, View(-20.0, 0.0), framing, 480)
            drawn = axes.imshow(picture, vmin=0, vmax=LARGEST_MM)
            axes.set_title(f"{title}: {distance.mean_mm:.2f} mm")
            axes.set(xticks=(), yticks=())
            axes.spines[:].set_visible(False)
        figure.colorbar(drawn, ax=grid, shrink=0.8, label="distance to the scan (mm)")
    return figure


def check_photo(photo: str, output: Path, params: FitParams, detection: LandmarksParams) -> list[str]:
    """Fit the photo's points, write them and the fitted head over the photo.

    Args:
        photo: image file, or ``sample:<name>``; points in a file beside it are used.
        output: picture to write, PNG or JPEG.

    Returns:
        Lines with reprojection errors, pose and camera.

    Raises:
        PortraitError: as the stages landmarks and fit.
    """
    source, model = resolve(photo), load_bundled_model()
    image = images.load_image(source.path, detection.max_side)
    found = locate(source.path, image)
    fit = fit_joint(model, [found.points], params, image_sizes=[image.shape[1::-1]], images=[image])[0]
    images.save_image(output, fit_overlay(model, image, found.points, fit))
    return check_lines(model, found.points, fit)


def check_lines(model: FaceModel, points: np.ndarray, fit: Fit) -> list[str]:
    """Reprojection errors in percent of the distance of the outer eye corners, pose, and size of the coefficients."""
    errors = 100.0 * fit_errors(model, fit, points) / eye_distance(points)
    yaw, pitch, roll = angles_from_rotation(seen_rotation(fit.camera))
    size = np.sqrt(np.mean(fit.identity**2))
    away = f"{fit.camera.distance:.0f} cm" if isinstance(fit.camera, PerspectiveCamera) else "far"
    return [
        f"points inside the face {errors[17:].mean():.1f} %, jaw {errors[:17].mean():.1f} % of the outer eye distance",
        f"yaw {yaw:.1f}, pitch {pitch:.1f}, roll {roll:.1f} degrees; viewer {away} away; identity {size:.2f} standard "
        "deviations from the mean head (about 1 is common)",
    ]


def fit_overlay(model: FaceModel, image: np.ndarray, points: np.ndarray, fit: Fit) -> np.ndarray:
    """The image (H, W, 3) uint8 with its points (blue dots), the fitted ones and the head's outline (orange lines)."""
    vertices = model.vertices(fit.identity, fit.expression)
    width = max(1, round(max(image.shape[:2]) / 600))
    canvas = image.copy()
    outline = cv2.findContours(
        head_mask(vertices, model.triangles, fit.camera, image.shape[:2]).astype(np.uint8),
        cv2.RETR_EXTERNAL,
        cv2.CHAIN_APPROX_NONE,
    )[0]
    cv2.drawContours(canvas, outline, -1, FITTED, width, cv2.LINE_AA)
    fitted = np.rint((fit.camera.project(fit.surface.of(vertices))[:, :2] - 0.5) * 16).astype(np.int32)
    for ids, closed in POLYLINES:
        cv2.polylines(canvas, [fitted[list(ids)]], closed, FITTED, width, cv2.LINE_AA, 4)
    for point in np.rint((points - 0.5) * 16).astype(int):
        cv2.circle(canvas, point.tolist(), round(1.8 * width * 16), DETECTED, -1, cv2.LINE_AA, 4)
    return canvas


def head_mask(vertices: np.ndarray, triangles: np.ndarray, camera: AnyCamera, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: where the head (V, 3) covers an image of ``shape`` (H, W)."""
    image = np.rint((camera.project(vertices)[:, :2] - 0.5) * 16).clip(-(2**18), 2**18).astype(np.int32)
    mask = np.zeros(shape, np.uint8)
    for triangle in triangles:
        cv2.fillConvexPoly(mask, image[triangle], 1, shift=4)
    return mask > 0
