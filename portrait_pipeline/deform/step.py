"""From translated points to the deformed head: the function of the stage ``deform`` (4.2)."""

from __future__ import annotations

import numpy as np

from ..base.numerics import one_blas_thread
from ..deformation.deform import deform_with_report
from ..deformation.params import DeformParams
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..shapes.easing import scale_change
from ..translation.record import TranslatedPair
from .record import DeformedHead
from .targets import landmark_targets


@one_blas_thread
def deform_pair(model: FaceModel, fitted: FittedPair, translated: TranslatedPair, params: DeformParams) -> DeformedHead:
    """Deform the fitted head so that its landmarks meet the translated ones (section 4.2)."""
    camera = fitted.camera.frontal()
    mesh = model.mesh(fitted.vertices)
    # Scaled before the deformation sees it: so strong an exaggeration that lips or lids would cross is eased.
    wanted = scale_change(translated.content, translated.translated, params.scale)
    # A landmark's vertex need not lie where annotators put the point (the jaw's slide): it makes the same move.
    content = camera.project(mesh.vertices[model.landmarks])[:, :2]
    moved = content + wanted - translated.content
    targets = landmark_targets(mesh.vertices, model.landmarks, camera, content, moved)
    deformation = deform_with_report(mesh, model.landmarks, targets, params.settings())
    off = np.linalg.norm((deformation.vertices[model.landmarks] - targets)[:, :2], axis=1)
    size = np.linalg.norm(targets[45, :2] - targets[36, :2])
    return DeformedHead(
        vertices=deformation.vertices.astype(np.float32),
        targets=targets,
        residual=float(off.mean() / size),
        eased_landmarks=int((deformation.eased > 0.005 * size).sum()),
        flipped_triangles=deformation.flipped,
    )
