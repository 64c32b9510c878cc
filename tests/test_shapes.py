"""Generated landmark sets, alignment, PCA and classes."""

import numpy as np
import pytest

from portrait_pipeline.base.errors import ArtifactError, LandmarkError, ParameterError
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.shapes.alignment import TARGETS, align, apply, invert
from portrait_pipeline.shapes.families import EFFECTS, FAMILIES, warp
from portrait_pipeline.shapes.generate import (
    generate_art,
    generate_normal,
    sample_effects,
    sample_expressions,
    sample_rotations,
    smooth_noise,
)
from portrait_pipeline.shapes.params import ShapeSpaceParams
from portrait_pipeline.shapes.plots import plot_classes, plot_modes
from portrait_pipeline.shapes.points import MIRROR, anchors, mirror
from portrait_pipeline.shapes.space import ShapeSet, ShapeSpace, build_shape_space
from portrait_pipeline.shapes.validity import crossing, gaps, uncross


@pytest.fixture(scope="module")
def sets():
    model = load_bundled_model()
    return generate_normal(model, 300, np.random.default_rng(1)), generate_art(model, 500, np.random.default_rng(2))


@pytest.fixture(scope="module")
def built(sets):
    return build_shape_space(*sets, ShapeSpaceParams(classes=8))


def similarity(angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]])


# --- generated sets ----------


def test_the_same_seed_gives_the_same_faces_and_another_seed_others():
    model = load_bundled_model()
    for generate in (generate_normal, generate_art):
        first = generate(model, 70, np.random.default_rng(5))
        assert np.array_equal(first, generate(model, 70, np.random.default_rng(5)))
        assert not np.allclose(first, generate(model, 70, np.random.default_rng(6)))


def test_no_two_faces_are_alike(sets):
    for faces in sets:
        flat = align(faces)[0].reshape(len(faces), -1)
        squared = (flat**2).sum(1)
        distance = squared[:, None] + squared[None] - 2 * flat @ flat.T + 10 * np.eye(len(flat))
        assert np.sqrt(distance.min()) > 0.05


def test_generated_faces_are_finite_and_do_not_cross(sets):
    for faces in sets:
        assert faces.shape[1:] == (68, 2) and np.isfinite(faces).all()
        assert not crossing(faces).any()
        assert gaps(faces).min() > -1e-9


def test_art_spreads_wider_than_life(sets):
    normal, art = (align(faces)[0].reshape(len(faces), -1) for faces in sets)
    assert art.var(0).sum() > 2 * normal.var(0).sum()


def test_there_are_at_least_25_distinct_families():
    assert len(FAMILIES) >= 25
    rows = [tuple(row.get(name, 0.0) for name in EFFECTS) for row in FAMILIES.values()]
    assert len(set(rows)) == len(rows)
    assert all(name in EFFECTS for row in FAMILIES.values() for name in row)


def face_in_its_own_units() -> np.ndarray:
    model = load_bundled_model()
    points = model.mean[model.landmarks][:, :2].astype(float)
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    return (points - (left + right) / 2) / np.linalg.norm(right - left)


def test_the_warp_with_no_effect_changes_nothing():
    face = face_in_its_own_units()[None]
    zero = {name: np.zeros(1) for name in EFFECTS}
    assert np.allclose(warp(face, zero, np.ones((1, 68, 2))), face, atol=1e-12)


@pytest.mark.parametrize(
    ("effect", "measure"),
    [
        ("aspect", lambda f: (f[19, 1] - f[8, 1]) / (f[16, 0] - f[0, 0])),
        ("eye_size", lambda f: f[39, 0] - f[36, 0]),
        ("eye_spacing", lambda f: f[42, 0] - f[39, 0]),
        ("brow_raise", lambda f: f[19, 1]),
        ("nose_length", lambda f: f[27, 1] - f[33, 1]),
        ("nose_width", lambda f: f[35, 0] - f[31, 0]),
        ("mouth_width", lambda f: f[54, 0] - f[48, 0]),
        ("lip_full", lambda f: f[51, 1] - f[57, 1]),
        ("mouth_open", lambda f: f[62, 1] - f[66, 1]),
        ("chin_length", lambda f: f[57, 1] - f[8, 1]),
        ("jaw_width", lambda f: f[12, 0] - f[4, 0]),
        ("chin_width", lambda f: f[9, 0] - f[7, 0]),
        ("inner_low", lambda f: -f[36:48, 1].mean()),
    ],
)
def test_each_effect_does_what_its_name_says(effect, measure):
    face = face_in_its_own_units()
    zero = {name: np.zeros(1) for name in EFFECTS}
    none = np.zeros((1, 68, 2))
    more = warp(face[None], zero | {effect: np.full(1, 0.15)}, none)[0]
    assert measure(more) > measure(face) * 1.0 + 0.01


def test_symmetric_effects_keep_a_symmetric_face_symmetric():
    face = face_in_its_own_units()
    face = (face + mirror(face)) / 2
    values = {name: np.full(1, 0.1) for name in EFFECTS}
    for name in (
        "eye_uneven",
        "eye_unlike",
        "jaw_skew",
        "mouth_skew",
        "mouth_tilt",
        "half_width",
        "nose_bend",
        "wobble",
    ):
        values[name] = np.zeros(1)
    warped = warp(face[None], values, np.zeros((1, 68, 2)))[0]
    assert np.allclose(warped, mirror(warped), atol=1e-9)


def test_effects_expressions_and_rotations_stay_in_range():
    rng = np.random.default_rng(0)
    model = load_bundled_model()
    expressions = sample_expressions(model.expression_names, 400, rng)
    assert expressions.min() >= 0 and expressions.max() <= 1
    assert (expressions > 0).sum(1).mean() < 12
    rotations = sample_rotations(400, rng)
    assert np.allclose(rotations @ np.swapaxes(rotations, 1, 2), np.eye(3), atol=1e-12)
    yaw = np.degrees(np.arctan2(rotations[:, 0, 2], rotations[:, 0, 0]))
    assert np.abs(yaw).max() < 16 and yaw.std() > 3
    effects = sample_effects(400, rng)
    assert set(effects) == set(EFFECTS) and all(value.shape == (400,) for value in effects.values())
    assert (effects["wobble"] >= 0).all() and (effects["caricature"] >= 0).all()


def test_smooth_noise_has_unit_spread_and_neighbours_move_together():
    noise = smooth_noise(3000, np.random.default_rng(0))
    assert np.allclose(noise.std(0), 1, atol=0.06)
    jaw = noise[:, :17, 0]
    assert np.corrcoef(jaw[:, 4], jaw[:, 5])[0, 1] > 0.5
    assert abs(np.corrcoef(jaw[:, 0], jaw[:, 16])[0, 1]) < 0.1


def test_an_empty_set_is_refused():
    with pytest.raises(ParameterError, match="is 0, must be at least 1"):
        generate_normal(load_bundled_model(), 0, np.random.default_rng(0))


# --- validity ----------


def test_crossing_sees_lids_lips_and_jaw(sets):
    face = sets[0][0]
    lids, lips, jaw, chin = (face.copy() for _ in range(4))
    lids[[37, 41]] = lids[[41, 37]] + [[0, 8], [0, -8]]
    lips[[62, 66]] = lips[[66, 62]] + [[0, 8], [0, -8]]
    jaw[[5, 8]] = jaw[[8, 5]]
    chin[8] = face[51]
    assert crossing(np.stack([face, lids, lips, jaw, chin])).tolist() == [False, True, True, True, True]


def test_uncross_mends_crossed_lids_and_lips_and_leaves_good_faces_alone(sets):
    good = sets[1][:50]
    assert np.allclose(uncross(good), good, atol=1e-9)
    bad = good.copy()
    bad[:, 62, 1] += 12
    bad[:, 37, 1] += 20
    assert gaps(bad).min() < -0.05
    assert gaps(uncross(bad)).min() > -0.02


# --- alignment ----------


def test_mirror_is_an_involution_and_keeps_left_on_the_left(sets):
    assert np.array_equal(MIRROR[MIRROR], np.arange(68))
    face = sets[0][:1]
    assert np.allclose(mirror(mirror(face)), face)
    flipped = mirror(face, axis=256)[0]
    assert flipped[0, 0] < flipped[16, 0] and flipped[36, 0] < flipped[45, 0] and flipped[37, 1] < flipped[41, 1]


def test_similarity_alignment_is_the_least_squares_solution(sets):
    for face in sets[1][:5]:
        aligned, transform = align(face)
        source = anchors(face)
        rows, values = [], []
        for (x, y), (u, v) in zip(source, TARGETS, strict=True):  # u = a x - b y + c, v = b x + a y + d
            rows += [[x, -y, 1, 0], [y, x, 0, 1]]
            values += [u, v]
        a, b, c, d = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
        assert np.allclose(transform, [[a, -b, c], [b, a, d]], atol=1e-9)
        assert np.allclose(aligned, face @ transform[:, :2].T + transform[:, 2])


def test_similarity_alignment_undoes_any_frame(sets):
    faces = sets[1][:20]
    moved = apply(similarity(0.4, 2.5, (-300, 90)), faces)
    assert np.allclose(align(moved)[0], align(faces)[0], atol=1e-9)


def test_affine_alignment_is_exact_on_the_three_points(sets):
    aligned, _ = align(sets[1][:20], "affine")
    assert np.allclose(anchors(aligned), TARGETS, atol=1e-10)
    sheared = apply(np.array([[1.3, 0.2, 5.0], [-0.1, 0.7, 9.0]]), sets[1][:20])
    assert np.allclose(align(sheared, "affine")[0], aligned, atol=1e-9)


@pytest.mark.parametrize("mode", ["similarity", "affine"])
def test_the_inverse_transform_gives_the_pixels_back(sets, mode):
    aligned, transforms = align(sets[1][:20], mode)
    assert np.allclose(apply(invert(transforms), aligned), sets[1][:20], atol=1e-8)


def test_degenerate_faces_are_refused():
    with pytest.raises(LandmarkError, match="one place"):
        align(np.ones((68, 2)))
    line = np.stack([np.arange(68.0), np.arange(68.0)], axis=1)
    with pytest.raises(LandmarkError, match="one line"):
        align(line, "affine")
    with pytest.raises(LandmarkError, match="not finite"):
        align(np.full((68, 2), np.nan))
    with pytest.raises(LandmarkError, match=r"\(67, 2\)"):
        align(np.zeros((67, 2)))


# --- PCA, whitening, classes ----------


def test_pca_and_whitening_agree_with_plain_numpy(sets, built):
    space, shapes = built
    aligned = np.concatenate([align(sets[0])[0][~shapes.normal_held_out], align(sets[1])[0][~shapes.art_held_out]])
    both = np.concatenate([aligned, mirror(aligned)]).reshape(-1, 136)
    mean = both.mean(0)
    values, vectors = np.linalg.eigh((both - mean).T @ (both - mean) / len(both))
    order = np.argsort(values)[::-1][:32]
    assert np.allclose(space.mean, mean)
    assert np.allclose(space.scale**2, values[order], rtol=1e-6)
    assert np.allclose(np.abs((space.components * vectors[:, order].T).sum(1)), 1, atol=1e-5)
    assert space.variance_kept == pytest.approx(values[order].sum() / values.sum())
    naive = ((aligned.reshape(-1, 136) - mean) @ space.components.T) / np.sqrt(values[order])
    assert np.allclose(space.encode(aligned), naive, rtol=1e-5, atol=1e-6)
    coefficients = space.encode(np.concatenate([aligned, mirror(aligned)]))
    assert np.allclose(coefficients.mean(0), 0, atol=1e-9) and np.allclose(coefficients.std(0), 1, atol=1e-9)


def test_decoding_inverts_encoding_up_to_the_residual(sets, built):
    space, _ = built
    aligned = align(sets[1])[0]
    again = space.decode(space.encode(aligned))
    assert np.allclose(again + space.residual(aligned), aligned)
    assert np.allclose(space.encode(again), space.encode(aligned))
    assert space.variance_kept > 0.97
    assert (np.linalg.norm(space.residual(aligned), axis=-1).mean()) < 0.01


def test_parity_reflects_faces(sets, built):
    space, _ = built
    aligned = align(sets[1])[0]
    assert np.allclose(space.encode(mirror(aligned)), space.encode(aligned) * space.parity, atol=1e-6)


def test_the_signs_of_the_components_do_not_hang_on_rounding(sets, built):
    space, shapes = built
    nudged, _ = build_shape_space(sets[0] + 1e-9, sets[1] * (1 + 1e-12), ShapeSpaceParams(classes=8))
    assert ((nudged.components[:20] * space.components[:20]).sum(1) > 0.99).all()


def test_classes_are_the_nearest_means_and_a_fixed_point_of_k_means(built):
    space, shapes = built
    train = shapes.art[~shapes.art_held_out]
    plain = train * space.scale
    labels = space.classify(train)
    naive = [int(np.argmin([((p - c) ** 2).sum() for c in space.centroids])) for p in plain]
    assert labels.tolist() == naive
    assert np.array_equal(labels, shapes.art_labels[~shapes.art_held_out])
    means = np.stack([plain[labels == k].mean(0) for k in range(space.classes)])
    assert np.allclose(means, space.centroids, atol=2e-3)
    assert (np.bincount(labels, minlength=8) > 0).all()


def test_held_out_samples_take_no_part(sets, built):
    space, shapes = built
    assert shapes.normal_held_out.sum() == 30 and shapes.art_held_out.sum() == 50
    normal, art = (faces.copy() for faces in sets)
    normal[shapes.normal_held_out] = normal[0] * 1.3
    art[shapes.art_held_out] = art[0] * 0.7
    other, _ = build_shape_space(normal, art, ShapeSpaceParams(classes=8))
    assert np.array_equal(other.components, space.components) and np.array_equal(other.centroids, space.centroids)


def test_space_and_set_survive_the_disk_bit_for_bit(built, tmp_path):
    space, shapes = built
    space.save(tmp_path / "space.h5")
    shapes.save(tmp_path / "set.h5")
    again, again_set = ShapeSpace.load(tmp_path / "space.h5"), ShapeSet.load(tmp_path / "set.h5")
    for name, value in vars(space).items():
        assert np.array_equal(getattr(again, name), value), name
    for name, value in vars(shapes).items():
        assert np.array_equal(getattr(again_set, name), value), name
    with pytest.raises(ArtifactError, match="expected 'shape_space'"):
        ShapeSpace.load(tmp_path / "set.h5")


def test_too_few_samples_are_refused_with_the_remedy(sets):
    with pytest.raises(ParameterError, match=r"shape_space\.classes is 25 but only 18 art faces"):
        build_shape_space(sets[0], sets[1][:20], ShapeSpaceParams())
    with pytest.raises(ParameterError, match=r"shape_space\.components is 136 but only"):
        build_shape_space(sets[0][:30], sets[1][:40], ShapeSpaceParams(components=136, classes=4))


def test_plots_draw_every_class_and_mode(built):
    space, shapes = built
    assert len(plot_classes(space, shapes).axes) == space.classes
    assert len(plot_modes(space, modes=4).axes) == 12
