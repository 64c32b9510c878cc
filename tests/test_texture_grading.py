"""Colour grading: distributions are met, regions stay apart, limits hold."""

import numpy as np
import pytest
import torch
from ball import ball

from portrait_pipeline.regions.labels import BACKGROUND, HAIR, OUTER, SKIN
from portrait_pipeline.texture.grading import Grading, colour_map, region_share
from portrait_pipeline.texture.part import Part

WIDE = (0.01, 100.0)


def draw(seed: int, count: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.5 + rng.normal(size=(count, 3)) @ rng.normal(scale=0.08, size=(3, 3))


def test_a_map_meets_mean_and_covariance_and_undoes_itself():
    source, target = draw(0), draw(1)
    matrix, offset = colour_map(source, target, WIDE)
    moved = source @ matrix.T + offset
    assert np.allclose(moved.mean(axis=0), target.mean(axis=0))
    assert np.abs(np.cov(moved.T) - np.cov(target.T)).max() < 0.05 * np.abs(np.cov(target.T)).max()
    assert np.allclose(matrix, matrix.T), "an optimal transport between Gaussians is symmetric"
    same, nothing = colour_map(source, source, WIDE)
    assert np.allclose(same, np.eye(3), atol=1e-6) and np.allclose(nothing, 0, atol=1e-6)


def test_gain_is_limited():
    source = draw(2)
    matrix, _ = colour_map(source, 5 * source, (0.6, 1.5))
    assert np.linalg.eigvalsh(matrix).max() == pytest.approx(1.5)
    matrix, _ = colour_map(source, 0.01 * source, (0.6, 1.5))
    assert np.linalg.eigvalsh(matrix).min() == pytest.approx(0.6)


def part(labels: np.ndarray, covered: np.ndarray | None = None) -> Part:
    return Part(ball(), np.zeros((*labels.shape, 3), np.uint8), labels, covered=covered)


def test_each_region_goes_to_its_like_and_the_rest_stays():
    size = 96
    labels = np.full((size, size), BACKGROUND, np.uint8)
    labels[:32], labels[32:64] = HAIR, SKIN
    art = np.zeros((40, 40, 3), np.uint8)
    art_labels = np.where(np.arange(40)[:, None] < 20, HAIR, SKIN).astype(np.uint8).repeat(40, axis=1)
    noise = np.random.default_rng(3).normal(scale=8, size=art.shape)
    art[:20], art[20:] = np.clip([40, 20, 10] + noise[:20], 0, 255), np.clip([220, 180, 140] + noise[20:], 0, 255)
    texture = torch.full((3, size, size), 0.5) + 0.03 * torch.randn(3, size, size, generator=torch.manual_seed(0))
    grading = Grading([part(labels)], art, art_labels)
    (result,) = grading.apply([texture], 1.0)
    for rows, like in ((slice(4, 28), art[:20]), (slice(36, 60), art[20:])):
        wanted = like.reshape(-1, 3).mean(axis=0) / 255
        assert np.allclose(result[:, rows].mean(dim=(1, 2)).numpy(), wanted, atol=0.02)
    assert torch.equal(result[:, 70:], texture[:, 70:].clamp(0, 1))
    assert torch.equal(grading.apply([texture], 0.0)[0], texture.clamp(0, 1))
    (half,) = grading.apply([texture], 0.5)
    inside = (result > 0) & (result < 1)
    assert torch.allclose(half[inside], ((result + texture) / 2)[inside], atol=1e-5)


def test_neck_takes_the_faces_skin_and_missing_hair_changes_nothing():
    labels = np.full((64, 64), OUTER, np.uint8)
    labels[:32] = HAIR
    art = np.full((20, 20, 3), (200, 150, 100), np.uint8)
    texture = torch.full((3, 64, 64), 0.3)
    (result,) = Grading([part(labels)], art, np.full((20, 20), SKIN, np.uint8)).apply([texture], 1.0)
    assert np.allclose(result[:, 40:].mean(dim=(1, 2)).numpy(), np.array([200, 150, 100]) / 255, atol=0.01)
    assert torch.allclose(result[:, :24], texture[:, :24])


def test_a_region_of_two_parts_is_graded_by_one_map_and_gaps_of_a_layout_do_not_count():
    hair = np.full((64, 64), HAIR, np.uint8)
    art = np.clip(np.random.default_rng(1).normal([90, 60, 30], 9, (40, 40, 3)), 0, 255).astype(np.uint8)
    noise = 0.05 * torch.randn(3, 64, 64, generator=torch.manual_seed(1))
    light, dark = 0.6 + noise, 0.4 + noise
    covered = np.arange(64)[:, None].repeat(64, axis=1) < 32
    gaps = dark.clone()
    gaps[:, 32:] = 1.0
    like = np.full((40, 40), HAIR, np.uint8)
    whole = Grading([part(hair), part(hair, covered)], art, like).apply([light, gaps], 1.0)
    same = Grading([part(hair), part(hair[:32])], art, like).apply([light, dark[:, :32]], 1.0)
    assert torch.allclose(whole[0], same[0], atol=1e-5) and torch.allclose(whole[1][:, :24], same[1][:, :24], atol=0.02)
    assert float(whole[0].mean()) > float(whole[1][:, :24].mean()) + 0.02, "what is lighter stays lighter"


def test_face_and_neck_pass_into_one_another_without_a_mask_edge():
    """A face that is darker at its border than in the middle: two maps to one mean would lift the neck beside it."""
    size = 240
    labels = np.full((size, size), SKIN, np.uint8)
    labels[120:] = OUTER
    art = np.clip(np.random.default_rng(0).normal(190, 25, (60, 60, 3)), 0, 255).astype(np.uint8)
    shade = torch.linspace(0.7, 0.3, 120)
    texture = torch.cat([shade, torch.full((120,), 0.3)])[None, :, None].expand(3, -1, size).clone()
    (result,) = Grading([part(labels)], art, np.zeros((60, 60), np.uint8)).apply([texture], 1.0)
    light = result.mean(dim=(0, 2))
    assert (light[121:] - light[120:-1]).abs().max() < 0.01 and (light[119:122].diff()).abs().max() < 0.01
    assert light[20] > light[110] and abs(float(light[200:].mean()) - 190 / 255) < 0.05
    shares = region_share(labels, (SKIN,)) + region_share(labels, (OUTER,))
    assert np.allclose(shares, 1, atol=1e-5)
