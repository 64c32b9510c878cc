"""Projection of the photo: recovery of a known texture, no background, both sides, a seamless fill."""

import numpy as np
import pytest
from ball import ball, smooth_texture

from portrait_pipeline.errors import InputFileError, ParameterError
from portrait_pipeline.face_model import Camera, load_bundled_model
from portrait_pipeline.mesh.render import Framing, View, render
from portrait_pipeline.params import PhotoTextureParams
from portrait_pipeline.texture import project_photo
from portrait_pipeline.texture.head_parts import openness
from portrait_pipeline.texture.segmentation import person_mask
from portrait_pipeline.texture.surface import extend, surface_laplacian, texel_map

SIZE = 384
GREEN = (20, 230, 30)
PARAMS = PhotoTextureParams(size=128)


@pytest.fixture(scope="module")
def model():
    return load_bundled_model()


def skin_texture(size: int) -> np.ndarray:
    """Skin with gentle waves: plausible for ears and neck too."""
    waves = smooth_texture(size, seed=4).astype(float) - 128
    return np.clip(np.array([205.0, 150.0, 125.0]) + 0.18 * waves, 0, 255).astype(np.uint8)


def photograph(model, texture: np.ndarray, azimuth: float) -> tuple[np.ndarray, Camera]:
    view, framing = View(azimuth, 0.0), Framing(np.array([0.0, 0.0, -2.0]), 17.0)
    photo = render(model.mesh(), texture, view, framing, SIZE, background=GREEN)
    rotation, scale = view.rotation(), SIZE / (2 * framing.half_extent)
    middle = scale * rotation @ framing.centre
    camera = Camera(rotation, scale, np.array([SIZE / 2 - middle[0], SIZE / 2 + middle[1]]))
    return photo, camera


def test_a_rendered_texture_comes_back_where_it_is_seen(model):
    texture = skin_texture(128)
    photo, camera = photograph(model, texture, 12.0)
    result, seen = project_photo(model, model.mean, camera, photo, PARAMS)
    assert 0.15 < seen.mean() < 0.6
    error = np.abs(result[seen].astype(float) - texture[seen])
    assert error.mean() < 1.5 and np.percentile(error, 99) < 8


def test_no_background_anywhere_and_a_full_palette(model):
    photo, camera = photograph(model, skin_texture(128), 0.0)
    result, _ = project_photo(model, model.mean, camera, photo, PARAMS)
    red, green, blue = (result[..., i].astype(int) for i in range(3))
    assert (green - np.maximum(red, blue)).max() < 0, "nowhere greener than red: no background"
    assert result.min() > 40


def test_the_hidden_side_is_mirrored(model):
    texture = skin_texture(128)
    texture = ((texture.astype(int) + texture[:, ::-1]) // 2).astype(np.uint8)  # a symmetric face
    photo, camera = photograph(model, texture, 40.0)
    result, seen = project_photo(model, model.mean, camera, photo, PARAMS)
    hidden = ~seen & seen[:, ::-1]
    assert hidden.sum() > 300
    assert np.abs(result[hidden].astype(float) - texture[hidden]).mean() < 5


def test_no_seam_and_the_same_result_twice(model):
    photo, camera = photograph(model, skin_texture(128), 0.0)
    first, seen = project_photo(model, model.mean, camera, photo, PARAMS)
    second, again = project_photo(model, model.mean, camera, photo, PARAMS)
    assert np.array_equal(first, second) and np.array_equal(seen, again)
    assert np.abs(first[:, 0].astype(int) - first[:, -1]).max() <= 6


def test_a_head_outside_the_photo_is_an_error(model):
    photo, camera = photograph(model, skin_texture(64), 0.0)
    away = Camera(camera.rotation, camera.scale, camera.translation + 5000)
    with pytest.raises(InputFileError, match="hardly visible"):
        project_photo(model, model.mean, away, photo, PARAMS)
    with pytest.raises(ParameterError, match="uint8 RGB"):
        project_photo(model, model.mean, camera, photo[..., 0], PARAMS)


def test_person_mask_finds_the_person_and_survives_a_photo_without_background(model):
    photo, camera = photograph(model, skin_texture(64), 0.0)
    points = camera.project(model.mean)[model.landmarks, :2]
    head = np.any(photo != GREEN, axis=2)
    mask = person_mask(photo, head, points)
    assert mask[~head].max() < 0.5 and mask[head].mean() > 0.85
    assert np.all(person_mask(photo, np.ones_like(head), points) == 1)


def test_texel_centres_lie_on_their_uv():
    mesh = ball()
    texels = texel_map(mesh, 40)
    uv = np.einsum("rck,rckx->rcx", texels.barycentric, mesh.uv[mesh.uv_triangles[texels.triangle]])
    centre = (np.arange(40) + 0.5) / 40
    assert texels.covered.all()
    assert np.abs(uv[..., 0] - centre).max() < 1e-5 and np.abs(uv[..., 1] - (1 - centre)[:, None]).max() < 1e-5


def test_extension_keeps_what_is_known_and_is_harmonic_elsewhere():
    mesh = ball()
    laplacian = surface_laplacian(mesh)
    assert np.abs(laplacian @ np.ones(len(mesh.vertices))).max() < 1e-9
    known = (mesh.vertices[:, 2] > 5).astype(float)
    values = mesh.vertices[:, :1] + 20
    field = extend(laplacian, values, known)
    assert np.abs(field - values)[known > 0].max() < 0.5
    assert np.abs((laplacian @ field)[known == 0]).max() < 1e-6
    assert field.min() >= values[known > 0].min() - 0.5 and field.max() <= values[known > 0].max() + 0.5
    drawn = extend(laplacian, values, known, prior=np.full_like(values, 90.0), pull=10.0)
    assert np.abs(drawn[mesh.vertices[:, 2] < -8] - 90).max() < 2


def test_hollows_are_darker_than_convex_places(model):
    shade = openness(model.mesh())
    assert 0.3 <= shade.min() < 0.75 and shade[model.landmarks[30]] > 0.9
