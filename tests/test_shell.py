"""The shell: obstacle solve, known busts, symmetry, closedness, layout and carrying."""

import cv2
import numpy as np
import pytest
from scipy.spatial import cKDTree

from portrait_pipeline.head.camera import Camera
from portrait_pipeline.head.model import load_model
from portrait_pipeline.head.points import MIRROR
from portrait_pipeline.head.pose import rotation_from_angles
from portrait_pipeline.mesh.rays import RayScene
from portrait_pipeline.perception.parts import Part
from portrait_pipeline.shell import parts as shell_parts
from portrait_pipeline.shell.build import build_shell
from portrait_pipeline.shell.canvas import Canvas
from portrait_pipeline.shell.carry import carry_shell
from portrait_pipeline.shell.charts import box_layout
from portrait_pipeline.shell.fills import mirrored
from portrait_pipeline.shell.layers import head_layers
from portrait_pipeline.shell.masks import dilate
from portrait_pipeline.shell.matte import person_matte
from portrait_pipeline.shell.measures import crossing_depth, edge_ratio, gap_share, is_watertight, measure_shell
from portrait_pipeline.shell.obstacle import solve_obstacle
from portrait_pipeline.shell.packing import pack
from portrait_pipeline.shell.params import ShellParams
from portrait_pipeline.shell.record import Shell
from portrait_pipeline.shell.surface import without_scraps

PARAMS = ShellParams(density=0.6, relief=0.0, size=128)
SIZE = (360, 340)  # of the photo: rows, columns


@pytest.fixture(scope="module")
def model():
    return load_model()


def bust(
    model, camera, hair=0.16, long_hair=False, hat=False, bald=False, bun=False, scarf=False, beard=False, glasses=False
):
    """A photo of the mean head with hair and clothes as a label map: (photo, points, probabilities)."""
    canvas = Canvas.of(model, model.mean.astype(float), camera)
    layers = head_layers(model, canvas)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    column = (x - canvas.corner[0] + 0.0) * canvas.scale
    row = (y - canvas.corner[1]) * canvas.scale
    inside = (column > 0) & (row > 0) & (column < canvas.shape[1]) & (row < canvas.shape[0])
    at = np.clip(row.astype(int), 0, canvas.shape[0] - 1), np.clip(column.astype(int), 0, canvas.shape[1] - 1)
    head = layers.covered[at] & inside
    scalp = layers.front_is("scalp")[at] & head
    brows, chin = canvas.landmarks[17:27, 1].min(), canvas.chin
    worn = Part.HAT if hat or scarf else Part.HAIR
    labels = np.zeros(SIZE, np.uint8)
    below = (row - chin[1]) / 84
    shoulders = np.abs(column - chin[0]) < np.interp(below, [0.1, 0.3, 0.6, 2], [0, 0.6, 1.1, 1.3]) * 84
    labels[shoulders & (below > 0.1)] = Part.CLOTHES
    grown = dilate(head, hair * 84 / canvas.scale) & (row < (chin[1] + 40 if long_hair or scarf else brows + 25))
    if bun:
        top = np.flatnonzero(layers.covered.any(axis=1))[0]
        grown |= np.hypot(column - chin[0], row - top + 15) < 25
    if not bald:
        labels[grown & ~head] = Part.HAT if scarf else Part.HAIR
    labels[head & (labels == 0)] = 1
    labels[head & (below > 0.05) & (below < 0.3)] = Part.NECK
    if glasses:
        eyes = canvas.landmarks[36:48]
        labels[head & (np.abs(row - eyes[:, 1].mean()) < 8) & (np.abs(column - eyes[:, 0].mean()) < 38)] = Part.GLASSES
    if not bald:
        labels[scalp & (row < chin[1])] = worn
    palette = np.zeros((14, 3))
    palette[:] = 90
    palette[0], palette[1], palette[2] = (120, 160, 220), (220, 170, 140), (70, 40, 20)
    palette[9], palette[10], palette[11] = (215, 165, 135), (40, 60, 160), (40, 120, 60)
    picture = palette[labels]
    if beard:  # the network counts it as skin
        picture[(labels == Part.SKIN) & (row > canvas.landmarks[33, 1])] = palette[Part.HAIR]
    noise = np.random.default_rng(0).normal(0, 4, (*SIZE, 3))
    photo = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return photo, camera.project(model.mean[model.landmarks])[:, :2], shell_parts.from_labels(labels)


def camera_of(yaw=0.0):
    return Camera(rotation_from_angles(yaw, 0, 0), 7.0, np.array([SIZE[1] / 2, 170.0]))


@pytest.fixture(scope="module")
def plain(model):
    """A frontal bust with short hair: (shell, camera)."""
    camera = camera_of()
    photo, points, probabilities = bust(model, camera)
    return build_shell(model, photo, points, probabilities, model.mean, camera, PARAMS), camera


def test_obstacle_agrees_with_projected_gauss_seidel():
    random = np.random.default_rng(1)
    y, x = np.mgrid[:14, :17]
    domain = (x > 1) & (y > 2) & ((x - 8) ** 2 + (y - 8) ** 2 < 60)
    screening, load = np.full(x.shape, 0.02), np.full(x.shape, 4.0)
    low = np.where(random.random(x.shape) < 0.1, 25.0, 0.0)
    high = np.where((x > 9) & (y > 8), 8.0, 1e9)
    u = np.where(domain, np.maximum(low, 0), 0.0)
    for _ in range(300):
        for r, c in np.argwhere(domain):
            near = [(r + a, c + b) for a, b in ((0, 1), (0, -1), (1, 0), (-1, 0))]
            near = [(a, b) for a, b in near if 0 <= a < 14 and 0 <= b < 17]
            value = (load[r, c] + sum(u[p] for p in near)) / (len(near) + screening[r, c])
            u[r, c] = min(max(value, low[r, c]), max(high[r, c], low[r, c]))
    found = solve_obstacle(domain, screening, load, low, high, rounds=40)
    assert np.abs(found - u).max() < 1e-3
    assert (found[~domain] == 0).all()


def test_obstacle_without_domain_is_zero():
    empty = np.zeros((4, 5))
    assert not solve_obstacle(empty > 0, empty, empty, empty, empty).any()


def test_a_sphere_behind_a_mask_is_recovered():
    """Load 4 over a disc of radius r is u = r^2 - x^2 - y^2: the squared depth of a ball."""
    y, x = np.mgrid[:81, :81] - 40.0
    radius = 30.0
    disc = np.hypot(x, y) < radius
    zero = np.zeros(disc.shape)
    u = solve_obstacle(disc, zero, zero + 4, zero, zero + 1e9)
    depth, truth = np.sqrt(u), np.sqrt(np.maximum(radius**2 - x**2 - y**2, 0))
    core = np.hypot(x, y) < 0.9 * radius
    assert np.abs(depth - truth)[core].max() < 0.03 * radius


def test_shell_is_closed_even_and_covers_the_skull(model, plain):
    shell, camera = plain
    numbers = measure_shell(model, shell, model.mean, model.mean, shell.vertices, camera.rotation[2])
    assert shell.exists and shell.note == ""
    assert numbers["watertight"] == 1
    assert numbers["gap_rays"] == 0
    assert numbers["crossing"] < 0.1
    assert numbers["stretched"] < 0.02
    assert numbers["edge_ratio"] <= 4
    corners = shell.vertices[shell.triangles].astype(float)
    volume = np.einsum("nk,nk->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert volume > 1000  # cm^3, and counter-clockwise from outside
    assert set(np.unique(shell.labels)) >= {0, 1}


def test_default_density_gives_the_promised_number_of_vertices(model):
    camera = camera_of()
    shell = build_shell(model, *bust(model, camera), model.mean, camera, ShellParams(size=128))
    assert 25_000 <= len(shell.vertices) <= 60_000
    assert is_watertight(shell.triangles) and edge_ratio(shell.vertices, shell.triangles) <= 4


@pytest.mark.parametrize(
    "yaw, look",
    [
        (0, {"hat": True}),
        (0, {"bald": True, "beard": True}),
        (0, {"bun": True, "glasses": True}),
        (8, {"scarf": True}),
        (-38, {"long_hair": True}),
    ],
)
def test_every_kind_of_head_gets_a_sound_shell(model, yaw, look):
    camera = camera_of(yaw)
    shell = build_shell(model, *bust(model, camera, **look), model.mean, camera, PARAMS)
    numbers = measure_shell(model, shell, model.mean, model.mean, shell.vertices, camera.rotation[2])
    assert numbers["watertight"] == 1 and numbers["edge_ratio"] <= 4
    assert numbers["gap_rays"] < 0.001 and numbers["crossing"] < 0.1
    assert numbers["stretched"] < 0.02  # a curtain is seen at a glance


@pytest.mark.parametrize("yaw, long_hair", [(4, True), (-30, True)])
def test_the_open_mouth_holds_no_shell(model, yaw, long_hair):
    camera = camera_of(yaw)
    shell = build_shell(model, *bust(model, camera, long_hair=long_hair), model.mean, camera, PARAMS)
    lips = model.mean[model.landmarks[48:60]]
    inside = (np.abs(shell.vertices - lips.mean(axis=0)) < [np.ptp(lips[:, 0]) / 2, 1.2, 5.0]).all(axis=1)
    assert not (inside & (shell.vertices[:, 2] > lips[:, 2].mean() - 5.0)).any()


@pytest.mark.parametrize("pitch", [-15, 15])
def test_the_foot_is_level_however_the_camera_looked(model, pitch):
    camera = Camera(rotation_from_angles(0, pitch, 0), 7.0, np.array([SIZE[1] / 2, 170.0]))
    vertices = build_shell(model, *bust(model, camera), model.mean, camera, PARAMS).vertices
    lowest = vertices[(np.abs(vertices[:, 0]) < 6) & (vertices[:, 1] < vertices[:, 1].min() + 6)]
    front, back = (lowest[part, 1].min() for part in (lowest[:, 2] > -1, lowest[:, 2] < -7))
    assert abs(front - back) < 0.8


def test_the_hollow_of_an_ear_shows_no_hair(model, plain):
    """It is deeper than the scalp about it: from the side, its skin is met before the shell."""
    shell, head = plain[0], model.mean.astype(float)
    ear = head[(model.regions == model.REGIONS.index("ear")) & (head[:, 0] > 0)]
    inner = ear[:, 1:].mean(axis=0) + 0.7 * (ear[:, 1:] - ear[:, 1:].mean(axis=0))
    start = np.column_stack([np.full(len(inner), 50.0), inner])
    towards = np.tile([-1.0, 0.0, 0.0], (len(inner), 1))
    _, skin = RayScene(head, model.triangles).distances(start, towards)
    _, hair = RayScene(shell.vertices, shell.triangles).distances(start, towards)
    within = hair > 50 - ear[:, 0].max()  # what hangs over the ear may
    assert within.sum() > 150
    assert (hair > skin)[within].mean() > 0.85, "a triangle may cross a corner"


def test_small_pieces_are_no_part_of_the_portrait():
    first = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    many = np.concatenate([first] + [np.array([[a, b, c + k] for a, b, c in [(0, 1, 4)]]) for k in range(60)])
    vertices = np.zeros((70, 3)) + np.arange(70)[:, None]
    scrap = np.array([[66, 67, 68], [66, 68, 67]])
    kept, triangles = without_scraps(vertices[:69], np.concatenate([many, scrap]))
    assert len(triangles) == len(many) and kept[triangles].max() < 66
    alone, same = without_scraps(vertices[:64], many)
    assert len(same) == len(many) and len(alone) == 64


def test_mirrored_photo_gives_the_mirrored_shell(model, plain):
    camera = camera_of(14)
    photo, points, probabilities = bust(model, camera, long_hair=True)
    mirror = Camera(np.diag([-1.0, 1, 1]) @ camera.rotation @ np.diag([-1.0, 1, 1]), camera.scale, camera.translation)
    one = build_shell(model, photo, points, probabilities, model.mean, camera, PARAMS)
    flipped = (points * [-1, 1] + [SIZE[1], 0])[MIRROR]
    other = build_shell(
        model, photo[:, ::-1].copy(), flipped, probabilities[..., ::-1].copy(), model.mean, mirror, PARAMS
    )
    distance = cKDTree(other.vertices * [-1, 1, 1]).query(one.vertices)[0]
    assert np.quantile(distance, 0.95) < 0.35  # a voxel is .38 cm at this density
    assert abs(len(one.vertices) / len(other.vertices) - 1) < 0.03


def test_same_input_gives_the_same_bits(model, plain, tmp_path):
    shell, camera = plain
    again = build_shell(model, *bust(model, camera), model.mean, camera, PARAMS)
    shell.save(tmp_path / "one.h5")
    again.save(tmp_path / "two.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    loaded = Shell.load(tmp_path / "one.h5")
    assert np.array_equal(loaded.vertices, shell.vertices) and loaded.note == shell.note


def test_carrying_nothing_changes_nothing(model, plain):
    shell, _ = plain
    assert np.array_equal(carry_shell(model, shell, model.mean, model.mean), shell.vertices.astype(float))


def test_carried_shell_stays_on_a_deformed_head(model, plain):
    """A head that is stretched and bulges: the hairline stays closed, and nothing crosses."""
    shell, camera = plain
    head = model.mean.astype(float)
    for strength in (1.0, 2.0):
        bulge = np.exp(-((head - head[model.landmarks[27]]) ** 2).sum(axis=1) / 30)[:, None] * [0, 0.3, 0.5]
        deformed = head * (1 + strength * np.array([-0.08, 0.10, 0.03])) + strength * bulge
        carried = carry_shell(model, shell, head, deformed)
        assert gap_share(model, shell, deformed, carried, camera.rotation[2]) == 0
        assert crossing_depth(model, shell, head, deformed, carried, camera.rotation[2]) < 0.1
        assert edge_ratio(carried, shell.triangles) <= 4


def test_measures_notice_what_is_wrong(model, plain):
    shell, camera = plain
    front = camera.rotation[2]
    assert not is_watertight(shell.triangles[1:])
    assert crossing_depth(model, shell, model.mean, model.mean, shell.vertices + 1.0 * front, front) > 0.3
    assert gap_share(model, shell, model.mean, shell.vertices - 2.0 * front, front) > 0.005


def test_crossing_is_asked_where_the_photo_shows_the_fitted_head(model, plain):
    """Hair lies on the far cheek of a turned head as before, though a long face turns that cheek to the viewer."""
    shell, camera = plain
    front, head = camera.rotation[2], model.mean.astype(float)
    places = shell.vertices + 1.0 * front
    assert crossing_depth(model, shell, head * [-1, 1, -1], head, places, front) == 0
    assert crossing_depth(model, shell, head, head * [1, 1.2, 1], places * [1, 1.2, 1], front) > 0.3


def test_layout_has_no_overlaps_and_fills_the_square(plain):
    from portrait_pipeline.mesh.render import embree_rasterise

    shell, _ = plain
    uv = shell.uv.astype(float)
    corners = uv[shell.uv_triangles]
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = (one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]) / 2
    assert uv.min() > 0 and uv.max() < 1
    assert area[area < 0].sum() > -0.03 * area.sum()  # folds where the surface turns under itself
    flat = np.concatenate([uv * 2 - 1, np.zeros((len(uv), 1))], axis=1)
    covered = (embree_rasterise(flat, shell.uv_triangles, 1024)[0] >= 0).mean()
    assert covered == pytest.approx(np.abs(area).sum(), rel=0.06)
    assert covered > 0.4


def test_packing_keeps_charts_apart():
    random = np.random.default_rng(3)
    size = random.uniform(0.3, 3, (9, 2))
    flat = np.concatenate([[[[0, 0], [w, 0], [w, h]], [[0, 0], [w, h], [0, h]]] for w, h in size])
    chart = np.repeat(np.arange(9), 2)
    placed = pack(flat, chart, 0.01)
    boxes = [
        (placed[chart == i].reshape(-1, 2).min(axis=0), placed[chart == i].reshape(-1, 2).max(axis=0)) for i in range(9)
    ]
    for i, (low, high) in enumerate(boxes):
        assert low.min() >= 0 and high.max() <= 1
        for other_low, other_high in boxes[:i]:
            gap = np.maximum(low - other_high, other_low - high).max()
            assert gap >= 0.01
    wide = np.array([high - low for low, high in boxes])
    assert np.allclose(np.sort(wide.prod(axis=1) / size.prod(axis=1)), wide[0].prod() / size[0].prod())


def test_layout_of_a_ball_has_six_sides():
    from skimage.measure import marching_cubes

    z, y, x = np.mgrid[-20:21, -20:21, -20:21]
    vertices, triangles, _, _ = marching_cubes((18.0**2 - x**2 - y**2 - z**2).astype(np.float32), 0)
    vertices = vertices[:, ::-1] - 20  # columns are x, y, z; the reversal turns the triangles over
    corners = vertices[triangles]
    if np.einsum("nk,nk->n", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() < 0:
        triangles = triangles[:, ::-1]
    uv, uv_triangles, chart = box_layout(vertices.astype(float), np.ascontiguousarray(triangles))
    assert len(np.unique(chart)) <= 8 and uv.min() > 0 and uv.max() < 1 and len(uv_triangles) == len(triangles)


def test_profile_gets_none_and_says_why(model):
    camera = camera_of(60)
    shell = build_shell(model, *bust(model, camera_of()), model.mean, camera, PARAMS)
    assert not shell.exists and "turned by 60 degrees" in shell.note and "\n" not in shell.note


def test_nobody_in_the_matte_gets_none(model, tmp_path):
    camera = camera_of()
    photo, points, probabilities = bust(model, camera)
    shell = build_shell(model, photo, points, probabilities, model.mean, camera, PARAMS, mask=np.zeros(SIZE))
    assert not shell.exists and "mask" in shell.note
    shell.save(tmp_path / "none.h5")
    assert not Shell.load(tmp_path / "none.h5").exists


def test_mask_of_the_user_wins(model):
    photo, points, probabilities = bust(model, camera_of())
    mask = np.zeros(SIZE)
    mask[50:, 60:280] = 1
    matte = person_matte(photo, points, probabilities, mask)
    assert np.array_equal(matte.alpha, mask) and matte.agreement == 1


def test_matte_follows_the_parsing(model):
    photo, points, probabilities = bust(model, camera_of(), long_hair=True)
    matte = person_matte(photo, points, probabilities)
    person = probabilities[0] < 0.5
    assert ((matte.alpha > 0.5) & person).sum() / ((matte.alpha > 0.5) | person).sum() > 0.97
    assert matte.agreement > 0.97


def shrunk(photo, points, probabilities, camera, factor):
    """The same photo with fewer pixels."""
    size = (round(SIZE[1] * factor), round(SIZE[0] * factor))
    small = np.stack([cv2.resize(part, size, interpolation=cv2.INTER_AREA) for part in probabilities])
    less = Camera(camera.rotation, camera.scale * factor, camera.translation * factor)
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA), points * factor, small, less


def test_a_photo_of_200_pixels_gets_a_sound_shell(model):
    camera = camera_of()
    photo, points, probabilities, camera = shrunk(*bust(model, camera), camera, 200 / SIZE[0])
    shell = build_shell(model, photo, points, probabilities, model.mean, camera, PARAMS)
    assert is_watertight(shell.triangles) and edge_ratio(shell.vertices, shell.triangles) <= 4
    assert gap_share(model, shell, model.mean, shell.vertices, camera.rotation[2]) < 0.001


@pytest.mark.parametrize("yaw", [35, -35])
def test_short_hair_over_the_ear_of_a_turned_head_ends_upon_the_skin(model, yaw):
    """Behind, it ends within the head; but the side of a turned head is seen by those who stand before the photo."""
    camera = camera_of(yaw)
    shell = build_shell(model, *bust(model, camera, hair=0.03), model.mean, camera, ShellParams(relief=0, size=128))
    assert gap_share(model, shell, model.mean, shell.vertices, camera.rotation[2]) == 0


@pytest.mark.parametrize("above", [8, -6])
def test_tight_crop_and_cut_forehead(model, above):
    """A crop about the points, some pixels above the brows or a little below them."""
    camera = Camera(np.eye(3), 7.0, np.array([SIZE[1] / 2, 170.0]))
    photo, points, probabilities = bust(model, camera)
    low, high = points.min(axis=0).astype(int) - [8, above], points.max(axis=0).astype(int) + 12
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    cut = Camera(np.eye(3), 7.0, camera.translation - low)
    parts = probabilities[(slice(None), *window)]
    shell = build_shell(model, photo[window], points - low, parts, model.mean, cut, PARAMS)
    assert is_watertight(shell.triangles) and edge_ratio(shell.vertices, shell.triangles) <= 4
    assert "forehead" in shell.note and "\n" not in shell.note


def test_hands_before_the_face_give_a_smaller_shell_and_a_line(model):
    """Where hands are, the network is of two minds."""
    camera = camera_of()
    photo, points, probabilities = bust(model, camera, long_hair=True)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    for side in (points[4], points[12]):
        hand = np.hypot(x - side[0], (y - side[1]) / 1.6) < 38
        photo[hand] = (220, 170, 140)
        probabilities[:, hand] = shell_parts.from_labels(np.uint8([[Part.SKIN]]))[:, 0] * 0.5
        probabilities[Part.BACKGROUND, hand] += 0.5
    shell = build_shell(model, photo, points, probabilities, model.mean, camera, PARAMS)
    assert "not sure" in shell.note and "\n" not in shell.note
    assert is_watertight(shell.triangles) and edge_ratio(shell.vertices, shell.triangles) <= 4
    beside = np.abs(shell.vertices[shell.vertices[:, 1] > model.mean[model.landmarks[8], 1], 0]).max()
    assert beside < np.abs(model.mean[:, 0]).max() + 2.5


def test_a_bystander_is_no_part_of_the_person(model):
    photo, points, probabilities = bust(model, camera_of())
    other = np.s_[20:150, :40]
    assert (probabilities[Part.BACKGROUND][other] > 0.5).all()
    photo[other] = (200, 150, 120)
    probabilities[(slice(None), *other)] = shell_parts.from_labels(np.full((130, 40), Part.SKIN, np.uint8))
    matte = person_matte(photo, points, probabilities)
    person = (probabilities[0] < 0.5) & (np.arange(SIZE[1]) > 40)
    assert (matte.alpha[other] > 0.5).mean() < 0.02
    assert (matte.alpha > 0.5)[person].mean() > 0.97


def test_known_colours_are_mirrored_at_their_border():
    image = np.arange(20.0)[None, :, None].repeat(5, 0).repeat(3, 2)
    known = np.zeros((5, 20), bool)
    known[:, 4:10] = True
    copy, found = mirrored(image, known, 4.0)
    assert np.array_equal(np.flatnonzero(found[2]), [0, 1, 2, 3, 10, 11, 12, 13])
    assert copy[2, [3, 0, 10, 13], 0].tolist() == [5, 8, 8, 5]
