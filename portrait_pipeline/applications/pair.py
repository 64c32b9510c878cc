"""One pair from photo and artwork to files: each step of the method as a function from record to record.

The stage scripts run one step each and keep its record; ``portrait stylize`` runs them all in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .. import images, landmarks
from ..artifacts import Record
from ..face_model import FaceModel, load_model
from ..face_model.camera import ROW_LENGTH, AnyCamera, camera_from_row
from ..face_model.fit import Fit, fit_errors, fit_joint, fit_landmarks, frontalise, landmark_offsets
from ..params import (
    AnimationParams,
    DeformParams,
    FitParams,
    LandmarksParams,
    PhotoTextureParams,
    TextureParams,
    TranslateParams,
)
from ..progress import Progress, silent

if TYPE_CHECKING:  # torch takes seconds to import: only the steps that use it pay for it
    from ..animation import Rig
    from ..shapes import ShapeSpace
    from ..translation import Translator

Notify = Callable[[str], None]

WRONG_POINT = 0.15
"""Points further from the fitted head than this share of the eye distance are taken for wrong, not for its shape."""


@dataclass(frozen=True)
class LocatedPair(Record):
    """Both images, upright and reduced, with their 68 points (image px).

    Attributes:
        photo, art: (H, W, 3) uint8 RGB.
        photo_points, art_points: (68, 2).
        photo_source, art_source: detector or file the points come from.
        more_photos: further photos of the same person, each (H, W, 3) uint8 RGB; more_points: their (68, 2) points.
    """

    kind: ClassVar[str] = "landmarks"
    photo: np.ndarray
    art: np.ndarray
    photo_points: np.ndarray
    art_points: np.ndarray
    photo_source: str
    art_source: str
    more_photos: tuple[np.ndarray, ...] = ()
    more_points: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class FittedPair(Record):
    """The 3DMM fitted to the photo, and both sets of points brought to the frontal view.

    Attributes:
        vertices: (V, 3) head space, in the photo's expression, with every landmark vertex on its landmark.
        identity, expression: model coefficients.
        camera_row: (16,) camera of the photo, see :attr:`camera`.
        more_vertices: (M, V, 3) the same head in the expressions of the further photos; more_camera_rows: (M, 16).
        content_points: (68, 2) the photo's points seen frontally, photo px.
        style_points: (68, 2) the artwork's points seen frontally, artwork px.
        inner_error, jaw_error: mean distance of points 17-59 and 0-16, as a share of the outer-eye distance.
    """

    kind: ClassVar[str] = "fit"
    vertices: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    camera_row: np.ndarray
    more_vertices: np.ndarray
    more_camera_rows: np.ndarray
    content_points: np.ndarray
    style_points: np.ndarray
    inner_error: float
    jaw_error: float

    @property
    def camera(self) -> AnyCamera:
        """Camera of the photo."""
        return camera_from_row(self.camera_row)

    @property
    def more_cameras(self) -> list[AnyCamera]:
        """Cameras of the further photos."""
        return [camera_from_row(row) for row in self.more_camera_rows]


@dataclass(frozen=True)
class TranslatedPair(Record):
    """l_x, l_y and l_z of the paper in the frontal view.

    Attributes:
        content, style, translated: (68, 2); content and translated in photo px, style in artwork px.
    """

    kind: ClassVar[str] = "translate"
    content: np.ndarray
    style: np.ndarray
    translated: np.ndarray


@dataclass(frozen=True)
class DeformedHead(Record):
    """v_z of the paper.

    Attributes:
        vertices: (V, 3) head space.
        targets: (68, 3) head space.
        residual: mean distance of landmark vertices to their targets in the frontal plane, as a share of the
            outer-eye distance of the targets.
        eased_landmarks: landmarks whose targets gave way by more than 0.5 % of that distance, lest the surface fold.
        flipped_triangles: triangles that faced the viewer on the fitted head and are turned over now.
    """

    kind: ClassVar[str] = "deform"
    vertices: np.ndarray
    targets: np.ndarray
    residual: float
    eased_landmarks: int
    flipped_triangles: int


@dataclass(frozen=True)
class PhotoTexture(Record):
    """t_x of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB, row 0 is v = 1.
        seen: (S, S) bool, texels taken from the photo.
    """

    kind: ClassVar[str] = "photo_texture"
    texture: np.ndarray
    seen: np.ndarray


@dataclass(frozen=True)
class StylisedTexture(Record):
    """t_z of the paper.

    Attributes:
        texture: (S, S, 3) uint8 RGB.
        vertices: (V, 3) head space: the deformed head's, which only the method ``joint`` changes.
        style_loss, content_loss: means over the last tenth of the steps.
        steps: optimisation steps.
    """

    kind: ClassVar[str] = "texture"
    texture: np.ndarray
    vertices: np.ndarray
    style_loss: float
    content_loss: float
    steps: int


def locate_pair(
    photo: Path,
    art: Path,
    params: LandmarksParams,
    notify: Notify = lambda message: None,
    more_photos: Sequence[Path] = (),
) -> LocatedPair:
    """Load all images and find their landmarks.

    Raises:
        InputFileError, NoFaceError, LandmarkError: see :mod:`portrait_pipeline.images` and ``landmarks``.
    """

    def locate(path: Path) -> tuple[np.ndarray, landmarks.Detection]:
        image = images.load_image(path, max_side=params.max_side)
        detection = landmarks.locate(path, image)
        if detection.faces > 1:
            notify(f"{path}: {detection.faces} faces found, the largest is used")
        return image, detection

    (photo_image, photo_found), (art_image, art_found) = locate(photo), locate(art)
    more = [locate(path) for path in more_photos]
    return LocatedPair(
        photo=photo_image,
        art=art_image,
        photo_points=photo_found.points,
        art_points=art_found.points,
        photo_source=photo_found.source,
        art_source=art_found.source,
        more_photos=tuple(image for image, _ in more),
        more_points=tuple(found.points for _, found in more),
    )


def head_model(params: FitParams, root: Path = Path(".")) -> FaceModel:
    """The face model of the project at ``root``: bundled, or the user's on the head's topology.

    Raises:
        ModelError: missing or damaged file, or a model of another topology.
    """
    if params.model == "bundled":
        return load_model()
    model = load_model(root / params.model)
    model.require_pipeline(f"fit.model={params.model}")
    return model


def fit_pair(model: FaceModel, pair: LocatedPair, params: FitParams) -> FittedPair:
    """Fit the face model to the photos (its geometry is used) and to the artwork (only its pose is used).

    Further photos share the identity and have an expression and a camera of their own.
    """
    points = [pair.photo_points, *pair.more_points]
    photos = (pair.photo, *pair.more_photos)
    sizes = [(image.shape[1], image.shape[0]) for image in photos]
    fits = fit_joint(model, points, params, image_sizes=sizes, images=photos)
    heads = [_on_landmarks(model, *seen).astype(np.float32) for seen in zip(fits, points, strict=True)]
    art = fit_landmarks(model, pair.art_points, params.for_art())
    photo = fits[0]
    errors = fit_errors(model, photo, pair.photo_points) / landmarks.eye_distance(pair.photo_points)
    return FittedPair(
        vertices=heads[0],
        identity=photo.identity,
        expression=photo.expression,
        camera_row=photo.camera.row(),
        more_vertices=np.array(heads[1:], np.float32).reshape(-1, *model.mean.shape),
        more_camera_rows=np.array([fit.camera.row() for fit in fits[1:]]).reshape(-1, ROW_LENGTH),
        content_points=frontalise(model, photo, pair.photo_points),
        style_points=frontalise(model, art, pair.art_points),
        inner_error=float(errors[17:60].mean()),
        jaw_error=float(errors[:17].mean()),
    )


def _on_landmarks(model: FaceModel, fit: Fit, points: np.ndarray) -> np.ndarray:
    """The fitted head (V, 3) drawn the last percents to the landmarks (68, 2) of its photo.

    The model's prior leaves lips and lids a little off; projected from there, teeth would be painted on the lips.
    """
    from ..deformation import deform

    vertices = model.vertices(fit.identity, fit.expression)
    offsets = landmark_offsets(model, fit, points)
    size = np.linalg.norm(vertices[model.landmarks[36]] - vertices[model.landmarks[45]])
    offsets[np.linalg.norm(offsets, axis=1) > WRONG_POINT * size] = 0.0
    targets = vertices[model.landmarks] + offsets
    return deform(model.mesh(vertices), model.landmarks, targets, DeformParams(follow="none"))


def translate_pair(
    translator: Translator, space: ShapeSpace, fitted: FittedPair, params: TranslateParams
) -> TranslatedPair:
    """Translate the photo's landmarks into the geometric style of the artwork's (section 4.1)."""
    from ..translation import translate

    content, style = fitted.content_points, fitted.style_points
    return TranslatedPair(content, style, translate(translator, space, content, style, bound=params.bound))


def deform_pair(model: FaceModel, fitted: FittedPair, translated: TranslatedPair, params: DeformParams) -> DeformedHead:
    """Deform the fitted head so that its landmarks meet the translated ones (section 4.2)."""
    from ..deformation import deform_with_report, landmark_targets
    from ..shapes import scale_change

    camera = fitted.camera.frontal()
    mesh = model.mesh(fitted.vertices)
    # Scaled before the deformation sees it: so strong an exaggeration that lips or lids would cross is eased.
    wanted = scale_change(translated.content, translated.translated, params.scale)
    # A landmark's vertex need not lie where annotators put the point (the jaw's slide): it makes the same move.
    content = camera.project(mesh.vertices[model.landmarks])[:, :2]
    moved = content + wanted - translated.content
    targets = landmark_targets(mesh.vertices, model.landmarks, camera, content, moved)
    deformation = deform_with_report(mesh, model.landmarks, targets, params)
    off = np.linalg.norm((deformation.vertices[model.landmarks] - targets)[:, :2], axis=1)
    size = np.linalg.norm(targets[45, :2] - targets[36, :2])
    return DeformedHead(
        vertices=deformation.vertices.astype(np.float32),
        targets=targets,
        residual=float(off.mean() / size),
        eased_landmarks=int((deformation.eased > 0.005 * size).sum()),
        flipped_triangles=deformation.flipped,
    )


def project_pair(
    model: FaceModel, pair: LocatedPair, fitted: FittedPair, params: PhotoTextureParams
) -> PhotoTexture:
    """Carry the photo, and the further photos of the same person, into the canonical texture (section 5)."""
    from ..texture import project_photo

    more = list(zip(fitted.more_vertices, fitted.more_cameras, pair.more_photos, strict=False))
    texture, seen = project_photo(model, fitted.vertices, fitted.camera, pair.photo, params, more)
    return PhotoTexture(texture, seen)


def stylise_pair(
    model: FaceModel,
    pair: LocatedPair,
    head: DeformedHead,
    photo: PhotoTexture,
    params: TextureParams,
    progress: Progress = silent,
) -> tuple[StylisedTexture, list[dict[str, float]]]:
    """Stylise the texture by ``texture.method`` (section 5); also returns the losses of every step."""
    from ..texture import Subject
    from ..texture.methods import stylise_by_method

    subject = Subject.of(
        model, head.vertices, photo.texture, photo.seen, pair.art, pair.art_points, regions=params.regions
    )
    result = stylise_by_method(subject, params, progress)
    vertices = head.vertices if result.vertices is None else result.vertices
    losses = _last_losses(result.history)
    return StylisedTexture(result.texture, vertices, *losses, steps=len(result.history)), result.history


def _last_losses(history: list[dict[str, float]]) -> tuple[float, float]:
    """Means of the style and content losses over the last tenth of the steps; zeros if none was taken."""
    tail = history[-max(1, len(history) // 10) :]
    if not tail:
        return 0.0, 0.0
    style = np.mean([row["emd"] + row["moments"] + row["colour"] for row in tail])
    return float(style), float(np.mean([row["content"] for row in tail]))


def animate_pair(model: FaceModel, fitted: FittedPair, stylised: StylisedTexture, params: AnimationParams) -> Rig:
    """Carry the model's expressions into the stylised head; no optimisation is needed to pose it later (7.1)."""
    from ..animation.build import build_rig

    return build_rig(
        model, fitted.vertices, stylised.vertices, fitted.expression, stylised.texture, params, fitted.identity
    )


def animate_photo(model: FaceModel, fitted: FittedPair, photo: PhotoTexture, params: AnimationParams) -> Rig:
    """The fitted head with the photo's texture, made ready in the same way, to compare with the stylised one."""
    from ..animation.build import build_rig

    return build_rig(
        model, fitted.vertices, fitted.vertices, fitted.expression, photo.texture, params, fitted.identity
    )
