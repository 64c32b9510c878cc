"""How strongly do translations follow their exemplars? Facial measures of results against those of the exemplars."""

from __future__ import annotations

import numpy as np


def facial_measures(points: np.ndarray) -> dict[str, np.ndarray]:
    """Lengths that an artist exaggerates, of aligned faces.

    Args:
        points: (..., 68, 2) aligned faces, y down.

    Returns:
        Name to (...,) lengths in the unit of ``points``; those of both halves of the face are averaged.
    """
    points = np.asarray(points, float)

    def length(*pairs: tuple[int, int]) -> np.ndarray:
        first, second = np.transpose(pairs)
        return np.linalg.norm(points[..., second, :] - points[..., first, :], axis=-1).mean(-1)

    def between(first: slice, second: slice) -> np.ndarray:
        return np.linalg.norm(points[..., second, :].mean(-2) - points[..., first, :].mean(-2), axis=-1)

    left, right = slice(36, 42), slice(42, 48)
    return {
        "eye_width": length((36, 39), (42, 45)),
        "eye_openness": length((37, 41), (38, 40), (43, 47), (44, 46)),
        "eye_distance": between(left, right),
        "brow_height": (between(slice(17, 22), left) + between(slice(22, 27), right)) / 2,
        "nose_length": length((27, 33)),
        "nose_width": length((31, 35)),
        "mouth_width": length((48, 54)),
        "upper_lip": length((50, 61), (51, 62), (52, 63)),
        "lower_lip": length((67, 58), (66, 57), (65, 56)),
        "mouth_opening": length((61, 67), (62, 66), (63, 65)),
        "cheek_width": length((1, 15), (2, 14)),
        "jaw_width": length((4, 12), (5, 11)),
        "chin_width": length((6, 10), (7, 9)),
        "chin_length": length((57, 8)),
        "face_length": length((27, 8)),
    }


def following(
    x_points: np.ndarray, y_points: np.ndarray, z_points: np.ndarray, mean_points: np.ndarray
) -> dict[str, float]:
    """Share of the exemplar's deviation from the average face that arrives in the result, for each measure.

    It is the slope of the least-squares line (with intercept) of ``m(z) - m(x)`` against ``m(y) - m(mean)``: 1 where
    a result changes as much as its exemplar differs from the average face, 0 where it does not listen, negative where
    it does the opposite.

    Args:
        x_points, y_points, z_points: (N, 68, 2) aligned contents, their exemplars and the results, N >= 2.
        mean_points: (68, 2) the average normal face, aligned.

    Returns:
        Name of each of :func:`facial_measures` to its slope; 0 for a measure in which all exemplars agree.

    Raises:
        ValueError: shapes that differ, or fewer than two triples.
    """
    shape = np.shape(x_points)
    if len(shape) != 3 or shape[0] < 2 or not shape == np.shape(y_points) == np.shape(z_points):
        raise ValueError(
            f"contents {shape}, exemplars {np.shape(y_points)} and results {np.shape(z_points)} must be the same "
            "(N, 68, 2), N at least 2"
        )
    before, asked, after = (facial_measures(points) for points in (x_points, y_points, z_points))
    average = facial_measures(mean_points)
    return {name: _slope(asked[name] - average[name], after[name] - before[name]) for name in before}


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Slope of the least-squares line through (N,) pairs."""
    x = x - x.mean()
    power = float(x @ x)
    return float(x @ (y - y.mean())) / power if power > 1e-20 * len(x) else 0.0
