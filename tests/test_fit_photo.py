"""Refinement of the fit by the photo: light, and better shapes on rendered heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from portrait_pipeline.base.errors import FitError
from portrait_pipeline.fit.fit import fit_errors, fit_joint
from portrait_pipeline.fit.model_at_landmarks import landmarks_seen
from portrait_pipeline.fit.params import FitParams
from portrait_pipeline.fit.photometric import harmonics, light_of
from portrait_pipeline.head.camera import PerspectiveCamera
from portrait_pipeline.head.pose import rotation_from_angles
from portrait_pipeline.mesh.geometry import vertex_normals
from portrait_pipeline.mesh.render import embree_rasterise

SIDE = 360
LIGHT = np.array([0.45, 0.3, 0.1, 0.35, 0.0, 0.05, 0.0, 0.0, 0.0])


def picture(model, vertices, camera):
    """A head of one colour, with a darker patch on both cheeks, lit from the side."""
    seen = camera.project(vertices) / (SIDE / 2)
    triangle, weights = embree_rasterise(
        np.stack([seen[:, 0] - 1, 1 - seen[:, 1], seen[:, 2]], axis=1), model.triangles, SIDE
    )
    colour = 0.7 - 0.2 * (np.abs(np.abs(model.mean[:, 0]) - 4) < 1.5)
    shade = np.clip(harmonics(vertex_normals(vertices, model.triangles) @ camera.rotation.T) @ LIGHT, 0.05, None)
    corners = model.triangles[triangle]
    bright = ((colour * shade)[corners] * weights).sum(axis=2) ** (1 / 2.2)
    image = np.where(triangle >= 0, bright, 0.3)
    return np.repeat((255 * np.clip(image, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def scene(model, seed):
    rng = np.random.default_rng(seed)
    identity = rng.normal(size=len(model.identity_basis))
    vertices = model.vertices(identity, np.zeros(len(model.expression_names)))
    place = np.array([0.0, 0.0, -80.0])
    camera = PerspectiveCamera(rotation_from_angles(*rng.uniform(-8, 8, 3)), place, 960.0, np.full(2, SIDE / 2))
    points = camera.project(landmarks_seen(model, vertices, camera).of(vertices))[:, :2]
    return vertices, picture(model, vertices, camera), points + rng.normal(0, 1.5, (68, 2))


def error(model, fit, vertices):
    face = model.regions == 0
    got, true = model.vertices(fit.identity, fit.expression)[face], vertices[face]
    got, true = got - got.mean(axis=0), true - true.mean(axis=0)
    left, size, right = np.linalg.svd(got.T @ true)
    return np.linalg.norm(got @ left @ right * size.sum() / (got**2).sum() - true, axis=1).mean()


def test_the_light_is_found_in_spite_of_dark_spots():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(3000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = np.array([1.0, 0.2, 0.1, 0.3, 0.05, 0.0, 0.1, 0.0, 0.05])
    bright = harmonics(normals) @ light
    bright[:200] *= 0.3
    found = light_of(normals, 2.5 * bright)
    assert np.allclose(found / found[0], light / light[0], atol=0.02)


def test_shading_improves_the_shape_and_leaves_the_landmarks_near(model):
    errors = {"none": [], "photo": []}
    for seed in range(3):
        vertices, image, points = scene(model, seed)
        for name, found in errors.items():
            params = FitParams(refine=name)
            fit = fit_joint(model, [points], params, image_sizes=[(SIDE, SIDE)], images=[image])[0]
            found.append(error(model, fit, vertices))
            assert fit_errors(model, fit, points)[27:].mean() < 3.0
    assert np.mean(errors["photo"]) < 0.95 * np.mean(errors["none"])


def test_a_photo_without_a_face_in_it_changes_little(model):
    """Noise and flat grey tell nothing about the light: the landmarks' fit stays."""
    vertices, image, points = scene(model, 3)
    flat = np.full_like(image, 128)
    plain, refined = (
        fit_joint(model, [points], FitParams(refine=name), image_sizes=[(SIDE, SIDE)], images=[flat])[0]
        for name in ("none", "photo")
    )
    assert abs(error(model, refined, vertices) - error(model, plain, vertices)) < 0.05


def test_a_model_without_a_mirror_is_refused(model):
    lopsided = replace(model, mirror=np.arange(len(model.mirror), dtype=np.int32))
    _, image, points = scene(model, 4)
    with pytest.raises(FitError, match="fit.refine: 'photo' needs"):
        fit_joint(lopsided, [points], FitParams(refine="photo"), images=[image])
