"""Projection of photos: recovery of a known texture, no background, both sides, several photos, a seamless fill."""

import cv2
import numpy as np
import pytest
from ball import ball, smooth_texture
from shown import parts_of

from portrait_pipeline.base.errors import InputFileError, ParameterError
from portrait_pipeline.head.camera import Camera, PerspectiveCamera
from portrait_pipeline.head.model import FaceModel, load_bundled_model
from portrait_pipeline.head.parts import openness, regions_with_whole_ears
from portrait_pipeline.lab.proofs.painted_heads import PaintedHead
from portrait_pipeline.lab.proofs.painted_heads import photograph as photograph_painted
from portrait_pipeline.lab.proofs.photo_texture import measured_shift
from portrait_pipeline.mesh.laplacian import surface_laplacian
from portrait_pipeline.mesh.render import Framing, View, render
from portrait_pipeline.mesh.texels import Extension, extend, texel_map
from portrait_pipeline.perception.part_map import PartMap
from portrait_pipeline.perception.parts import Part
from portrait_pipeline.photo_texture.blending import blended, continued
from portrait_pipeline.photo_texture.gain import border_gain, log_gain, relit
from portrait_pipeline.photo_texture.glasses import frame_share
from portrait_pipeline.photo_texture.merging import merged_photos
from portrait_pipeline.photo_texture.params import PhotoTextureParams
from portrait_pipeline.photo_texture.photo_view import PhotoView, Shot, geometry_view
from portrait_pipeline.photo_texture.projection import project_photo
from portrait_pipeline.photo_texture.rim import rim_trust
from portrait_pipeline.photo_texture.sampling import bilinear
from portrait_pipeline.regions.head import landmarks_in_layout, scalp_share
from portrait_pipeline.regions.labels import HAIR, SKIN

SIZE = 384
GREEN = (20, 230, 30)
PARAMS = PhotoTextureParams(size=128)


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


def person(photo: np.ndarray) -> PartMap:
    """All of a photo of :func:`photograph` that is not green is skin."""
    return parts_of(photo.shape, (photo != GREEN).any(axis=2))


def projected(model, camera, photo, more=()) -> tuple[np.ndarray, np.ndarray]:
    """Texture and what of it is seen."""
    result = project_photo(model, model.mean, camera, photo, person(photo), PARAMS, more)
    return result.texture, result.seen


def test_a_rendered_texture_comes_back_where_it_is_seen(model):
    texture = skin_texture(128)
    photo, camera = photograph(model, texture, 12.0)
    result, seen = projected(model, camera, photo)
    assert 0.15 < seen.mean() < 0.6
    error = np.abs(result[seen].astype(float) - texture[seen])
    assert error.mean() < 1.5 and np.percentile(error, 99) < 8


def test_no_background_anywhere_and_a_full_palette(model):
    photo, camera = photograph(model, skin_texture(128), 0.0)
    result, _ = projected(model, camera, photo)
    red, green, blue = (result[..., i].astype(int) for i in range(3))
    assert (green - np.maximum(red, blue)).max() < 0, "nowhere greener than red: no background"
    assert result.min() > 40


def test_the_hidden_side_is_mirrored(model):
    texture = skin_texture(128)
    texture = ((texture.astype(int) + texture[:, ::-1]) // 2).astype(np.uint8)  # a symmetric face
    photo, camera = photograph(model, texture, 40.0)
    result, seen = projected(model, camera, photo)
    hidden = ~seen & seen[:, ::-1]
    assert hidden.sum() > 300
    assert np.abs(result[hidden].astype(float) - texture[hidden]).mean() < 5


def test_no_seam_and_the_same_result_twice(model):
    photo, camera = photograph(model, skin_texture(128), 0.0)
    first, seen = projected(model, camera, photo)
    second, again = projected(model, camera, photo)
    assert np.array_equal(first, second) and np.array_equal(seen, again)
    assert np.abs(first[:, 0].astype(int) - first[:, -1]).max() <= 6


def test_a_head_outside_the_photo_is_an_error(model):
    photo, camera = photograph(model, skin_texture(64), 0.0)
    away = Camera(camera.rotation, camera.scale, camera.translation + 5000)
    with pytest.raises(InputFileError, match="hardly visible"):
        project_photo(model, model.mean, away, photo, person(photo), PARAMS)
    with pytest.raises(ParameterError, match="uint8 RGB"):
        project_photo(model, model.mean, camera, photo[..., 0], person(photo), PARAMS)


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


def pinhole(model, yaw: float, distance: float = 45.0) -> PerspectiveCamera:
    rotation = View(yaw, 0.0).rotation()
    middle = rotation @ np.array([0.0, 0.0, -2.0])
    return PerspectiveCamera(
        rotation, np.array([0.0, 0.0, -distance]) - middle, 0.7 * distance / 17.0 * SIZE / 2, np.full(2, SIZE / 2) + 3.3
    )


def test_a_near_perspective_photo_comes_back_without_shift(model):
    texture = skin_texture(256)
    spots = np.random.default_rng(2).integers(0, 256, (900, 2))
    for x, y in spots:  # something to register
        cv2.circle(texture, (int(x), int(y)), 2, (150, 100, 85), -1)
    mesh = model.mesh()
    head = PaintedHead(mesh, texture, np.zeros(3), texture, np.zeros((256, 256), bool), np.ones((256, 256), np.uint8))
    camera, photo = photograph_painted(head, 10.0, 420, np.random.default_rng(0))
    texels = texel_map(mesh, 256)
    view = geometry_view(model, texels, Shot(mesh.vertices, camera, photo, parts_of(photo.shape)))
    seen = view.weight > 0.5
    assert seen.mean() > 0.15
    where = bilinear(np.stack(np.meshgrid(np.arange(420) + 0.5, np.arange(420) + 0.5), axis=-1), view.position)
    assert np.abs(where - view.position)[seen].max() < 0.02, "pixel centres lie at +0.5; remap rounds to 1/32 px"
    places = landmarks_in_layout(mesh, model.landmarks)[0] * 256
    for ids in ((20, 23), (3, 31)):
        column, row = np.rint(places[list(ids)].mean(axis=0)).astype(int)
        box = slice(row - 16, row + 16), slice(column - 16, column + 16)
        assert seen[box].mean() > 0.97
        shift = measured_shift(*(picture[box].mean(axis=-1).astype(float) for picture in (texture, view.colour)))
        assert shift * np.median(view.detail[box]) < 0.1, f"photo px at {ids}"
    moved = np.roll(texture, 1, axis=1)
    assert 0.8 < measured_shift(*(picture[box].mean(axis=-1).astype(float) for picture in (texture, moved))) < 1.2


@pytest.mark.parametrize("kind", ["weak", "perspective"])
def test_the_nose_hides_the_far_cheek_and_scale_does_not_matter(model, kind):
    photo, weak = photograph(model, skin_texture(64), 50.0)
    camera = weak if kind == "weak" else pinhole(model, 50.0)
    mesh = model.mesh()
    texels = texel_map(mesh, 128)
    view = geometry_view(model, texels, Shot(model.mean, camera, photo, parts_of(photo.shape)))
    large = type(camera)(
        camera.rotation,
        *(
            (camera.scale / 10, camera.translation)
            if kind == "weak"
            else (10 * camera.translation, camera.focal, camera.principal)
        ),
    )
    ten = geometry_view(model, texels, Shot(10 * model.mean.astype(float), large, photo, parts_of(photo.shape)))
    assert np.abs(ten.weight - view.weight).mean() < 2e-3, "millimetres instead of centimetres"
    depth = naive_depth(camera.project(model.mean.astype(float)), model.triangles)
    own = camera.project(texels.interpolate(mesh.triangles, model.mean))
    column, row = (np.clip(own[..., axis].astype(int), 0, SIZE - 1) for axis in (0, 1))
    hidden = depth[row, column] > own[..., 2] + 12  # well behind something, px
    face = (regions_with_whole_ears(model) == FaceModel.REGIONS.index("face"))[mesh.triangles[texels.triangle]].all(-1)
    assert (hidden & face).sum() > 30 and (view.weight[hidden] > 0.05).mean() < 0.01


def naive_depth(projected: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The nearest vertex or triangle centre about each pixel."""
    depth = np.full((SIZE, SIZE), -1e9)
    for points in (projected, projected[triangles].mean(axis=1)):
        column, row = (np.clip(points[:, axis].astype(int), 0, SIZE - 1) for axis in (0, 1))
        np.maximum.at(depth, (row, column), points[:, 2])
    return depth


def test_light_from_one_side_is_carried_to_the_mirrored_side(model):
    texture = skin_texture(128).astype(float)
    texture = (texture + texture[:, ::-1]) / 2
    columns = (np.arange(128) + 0.5) / 128
    texture *= (1.15 - 0.6 * (columns - 0.5))[None, :, None]  # a gain of up to two between the sides
    photo, camera = photograph(model, texture.astype(np.uint8), 30.0)
    result, seen = projected(model, camera, photo)
    face = np.zeros((128, 128), bool)
    face[45:85, 40:88] = True
    hidden = ~seen & seen[:, ::-1] & face
    assert hidden.sum() > 100
    unlit = np.abs(texture[:, ::-1] - texture)[hidden].mean()
    assert np.abs(result - texture)[hidden].mean() < 0.45 * unlit


def test_a_smooth_factor_is_found_in_spite_of_a_mole(model):
    mesh, rng = model.mesh(), np.random.default_rng(0)
    laplacian, texels = surface_laplacian(mesh), texel_map(mesh, 128)
    source = rng.uniform(80, 200, (128, 128, 3))
    columns = np.linspace(-0.3, 0.3, 128)[None, :, None]
    wanted = (source + 6) * np.exp(columns) - 6
    weight = np.zeros((128, 128))
    weight[40:100, 40:88] = 1
    wanted[60:66, 60:66] = 10.0
    gain = log_gain(mesh, laplacian, wanted, source, weight)
    field = texels.interpolate(mesh.triangles, gain)[..., 0]
    inside = (weight > 0) & (np.abs(np.indices((128, 128)) - 63).max(axis=0) > 8)
    assert np.abs(field - columns[..., 0])[inside].max() < 0.08
    assert np.array_equal(log_gain(mesh, laplacian, wanted, source, 0 * weight), 0 * gain)
    lit = relit(source, mesh, texels, gain)
    assert np.abs(lit - wanted)[inside].mean() < 8


def test_the_border_gain_meets_the_seen_colours_and_is_harmonic_behind(model):
    mesh = model.mesh()
    laplacian, texels = surface_laplacian(mesh), texel_map(mesh, 128)
    columns = (np.arange(128) + 0.5) / 128
    weight = np.tile(np.clip((0.55 - columns) / 0.1, 0, 1), (128, 1))
    seen, fill = np.full((128, 128, 3), 150.0), np.full((128, 128, 3), 120.0)
    gain = border_gain(mesh, laplacian, seen, fill, weight, np.ones((128, 128)))
    lit = relit(fill, mesh, texels, gain)
    assert np.abs(lit[40:90, 60:70] - 150).max() < 3
    assert np.array_equal(border_gain(mesh, laplacian, seen, fill, np.ones((128, 128)), weight), 0 * gain)


def test_bands_keep_equal_pictures_and_hide_a_step():
    rng = np.random.default_rng(1)
    picture = rng.uniform(0, 255, (256, 256, 3)).astype(np.float32)
    left = np.tile(np.arange(256) < 128, (256, 1)).astype(float)
    ones = np.ones((256, 256))
    assert np.abs(blended([picture, picture], [ones, ones], [left, 1 - left]) - picture).max() < 1e-2
    mixed = blended([0 * picture + 100, 0 * picture + 140], [ones, ones], [left, 1 - left])[..., 0]
    inner = mixed[:, 32:224]  # u wraps: there is a second border at the sides
    assert np.abs(np.diff(inner, axis=1)).max() < 7 and inner[:, 0].max() < 125 < inner[:, -1].min()
    assert np.abs(mixed[:, 0] - mixed[:, -1]).max() < 7, "no seam at the back"
    filled = continued(picture * 0 + np.array([10, 200, 90]), np.where(left > 0, 1.0, 0.0))
    assert np.abs(filled - (10, 200, 90)).max() < 1e-2


def test_several_photos_are_joined_in_the_light_of_the_first(model):
    texture = skin_texture(128)
    front, camera = photograph(model, texture, 0.0)
    shots = []
    for azimuth in (-45.0, 45.0):
        photo, other = photograph(model, texture, azimuth)
        dark = np.where((photo == GREEN).all(axis=2, keepdims=True), photo, (photo * 0.7).astype(np.uint8))
        shots.append((model.mean, other, dark, person(photo)))
    one, seen_one = projected(model, camera, front)
    result, seen = projected(model, camera, front, shots)
    assert seen.mean() > 1.25 * seen_one.mean() and seen[seen_one].mean() > 0.97
    added = seen & ~seen_one
    assert np.abs(result[added].astype(float) - texture[added]).mean() < 6, "not 30 % darker"
    assert np.abs(result[seen_one].astype(float) - texture[seen_one]).mean() < 2.5
    again, _ = projected(model, camera, front, shots)
    assert np.array_equal(result, again)
    with pytest.raises(ParameterError, match="uint8 RGB"):
        project_photo(
            model,
            model.mean,
            camera,
            front,
            person(front),
            PARAMS,
            [(model.mean, camera, front[..., 0], person(front))],
        )


def test_the_sharper_and_larger_photo_gives_the_detail(model):
    mesh, rng = model.mesh(), np.random.default_rng(3)
    sharp = cv2.GaussianBlur(rng.uniform(0, 255, (96, 96, 3)).astype(np.float32), (0, 0), 0.7) * 0.3 + 100
    soft = cv2.GaussianBlur(sharp, (0, 0), 3.0)
    ones, position = np.ones((96, 96)), np.zeros((96, 96, 2))
    hair = np.zeros((96, 96))
    views = [PhotoView(position, colour, ones, ones, hair) for colour in (soft, sharp)]
    merged, weight, _ = merged_photos(mesh, surface_laplacian(mesh), texel_map(mesh, 96), views)
    assert weight.min() == 1
    assert np.abs(merged - sharp).mean() < 0.35 * np.abs(merged - soft).mean()


def test_a_fringe_and_glasses_are_filled_as_skin_and_hair_stays_on_the_scalp(model):
    texture = skin_texture(128)
    texels = texel_map(model.mesh(), 128)
    scalp = scalp_share(model, model.mesh(), texels) > 0.5
    rows, columns = (np.indices((128, 128)) + 0.5) / 128
    places = landmarks_in_layout(model.mesh(), model.landmarks)[0]
    fringe = ~scalp & (rows < places[17:27, 1].min() - 0.02) & (np.abs(columns - 0.5) < 0.15)
    frame = np.abs(np.hypot(rows - places[39, 1], columns - places[39, 0]) - 0.06) < 0.012
    texture[scalp | fringe], texture[frame] = (60, 40, 30), (10, 10, 10)
    photo, camera = photograph(model, texture, 0.0)
    drawn = np.select([scalp | fringe, frame], [Part.HAIR, Part.GLASSES], Part.SKIN)
    shades = np.repeat(10 * (drawn[..., None] + 1), 3, axis=-1).astype(np.uint8)
    shown = np.rint(photograph(model, shades, 0.0)[0][..., 0] / 10.0).astype(int) - 1
    shown = np.where((photo == GREEN).all(axis=2), Part.BACKGROUND, np.clip(shown, 0, len(Part) - 1))
    result = project_photo(model, model.mean, camera, photo, PartMap.of_labels(shown.astype(np.uint8)), PARAMS)
    fringe &= cv2.dilate(scalp.astype(np.uint8), np.ones((9, 9))) == 0  # at the scalp it is the hairline
    assert (result.labels[scalp & result.seen] == HAIR).mean() > 0.95 and (result.labels[fringe] == SKIN).all()
    for covered in (fringe, frame):
        assert not result.seen[covered].any()
        assert result.texture[covered].astype(int).sum(axis=-1).min() > 330, "skin, no scar"
    assert np.median(result.texture[scalp], axis=0).sum() < 180


def test_clear_lenses_show_the_face_and_frames_do_not():
    """A dark frame about clear lenses, half of it taken for a brow; a brow above it; an eye behind a lens."""
    y, x = np.mgrid[:120, :120]
    colour = np.full((120, 120, 3), (215.0, 165.0, 140.0)) + 4 * np.sin(x / 5.0)[..., None]
    lens = np.hypot((y - 60) / 22, (x - 60) / 30) < 1
    frame = (np.hypot((y - 60) / 26, (x - 60) / 34) < 1) & ~lens
    brow, eye = (abs(y - 20) < 4) & (abs(x - 60) < 25), np.hypot(y - 60, x - 60) < 6
    colour[frame | brow], colour[eye] = (30, 25, 25), (40, 30, 20)
    glasses = (lens | frame) & ~(frame & (x > 75) & (y < 50))
    skin = ~glasses & ~brow
    share = frame_share(colour, glasses.astype(float), skin.astype(float), eye, texel=0.06)
    assert share[frame].min() > 0.5 and share[brow].max() < 0.1 and share[eye].max() < 0.1
    assert (share[lens] < 0.1).mean() > 0.5
    assert not frame_share(colour, np.zeros((120, 120)), skin.astype(float), eye, texel=0.06).any()


def test_a_photo_of_a_hat_gives_hair_of_the_colour_seen_below_it(model):
    photo, camera = photograph(model, skin_texture(128), 0.0)
    rows = np.indices(photo.shape[:2])[0]
    shown = np.full(photo.shape[:2], Part.SKIN, np.uint8)
    shown[rows < 130] = Part.HAT
    shown[(photo == GREEN).all(axis=2)] = Part.BACKGROUND
    shown[300:340, :40], photo[300:340, :40] = Part.HAIR, (90, 60, 30)
    result = project_photo(model, model.mean, camera, photo, PartMap.of_labels(shown), PARAMS)
    hair = result.labels == HAIR
    assert hair.mean() > 0.2
    assert np.abs(np.median(result.texture[hair], axis=0) - (90, 60, 30)).max() < 12


def test_the_shade_at_the_rim_of_the_face_is_not_carried_on():
    places = landmarks_in_layout(load_bundled_model().mesh(), load_bundled_model().landmarks)[0]
    colour = np.tile(np.array([210.0, 160.0, 135.0]), (128, 128, 1))
    colour[:, :38] *= 0.5
    colour[60:64, 62:66] = 20.0  # a mole on the nose
    labels, weight = np.full((128, 128), SKIN, np.uint8), np.ones((128, 128))
    kept = rim_trust(colour, weight, labels, places)
    assert kept[60, :30].max() < 0.1 and kept[50:75, 50:80].min() == 1
    assert (rim_trust(colour, weight, np.full_like(labels, HAIR), places) == 1).all()


def test_one_factorisation_serves_many_fields():
    mesh = ball()
    laplacian, rng = surface_laplacian(mesh), np.random.default_rng(0)
    known = (rng.random(len(mesh.vertices)) > 0.7).astype(float)
    pull = np.full(len(known), 0.01)
    values, prior = rng.normal(size=(2, len(known), 3))
    extension = Extension(laplacian, known, pull)
    assert np.array_equal(extension.field(values, prior), extend(laplacian, values, known, prior, pull))
    system = laplacian.toarray() + np.diag(100 * known + pull + 1e-9)
    mean = known @ values / known.sum()
    naive = np.linalg.solve(system, 100 * known[:, None] * values + pull[:, None] * prior + 1e-9 * mean)
    assert np.abs(extension.field(values, prior) - naive).max() < 1e-9
