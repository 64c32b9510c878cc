"""The space of face shapes: one PCA of both domains, whitened coefficients, and the classes of the art
domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from ..base.artifacts import Record
from ..base.errors import ParameterError
from ..base.layout import Array
from ..base.numerics import one_blas_thread, steady_signs
from .alignment import Alignment, align
from .params import ShapeSpaceParams
from .points import mirror

RESTARTS = 8


@dataclass(frozen=True)
class ShapeSpace(Record):
    """Whitened PCA coefficients of aligned faces, and K-means classes of art faces (section 4.1).

    ``aligned = mean + sum_k c_k * scale_k * components_k``; each c_k has zero mean and unit variance over the
    two training domains and their mirror images. Because mirror images take part, every component is either
    symmetric
    or antisymmetric: reflecting a face multiplies its coefficients by ``parity``.

    Attributes:
        alignment: how faces were aligned, ``similarity`` or ``affine``.
        mean: (136,) x0, y0, x1, ... on the [-1, 1] canvas, y down.
        components: (K, 136) orthonormal rows.
        scale: (K,) standard deviations, descending.
        parity: (K,) +1 or -1.
        centroids: (classes, K) class means of L_Y, unwhitened coefficients (distances equal landmark
            distances).
        normal_mean: (K,) whitened coefficients of the average normal face, symmetric.
        variance_kept: share of the total variance in the K components.
    """

    kind: ClassVar[str] = "shape_space"
    alignment: Alignment
    mean: Annotated[np.ndarray, Array("f", 136)]
    components: Annotated[np.ndarray, Array("f", "K", 136)]
    scale: Annotated[np.ndarray, Array("f", "K")]
    parity: Annotated[np.ndarray, Array("f", "K")]
    centroids: Annotated[np.ndarray, Array("f", "C", "K")]
    normal_mean: Annotated[np.ndarray, Array("f", "K")]
    variance_kept: float

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        if not (self.scale > 0).all() or not (np.abs(self.parity) == 1).all() or not len(self.scale):
            return "'scale' must be above 0, and 'parity' -1 or 1"
        return None if len(self.centroids) else "'centroids' is empty"

    @property
    def size(self) -> int:
        """Number of coefficients K."""
        return len(self.scale)

    @property
    def classes(self) -> int:
        """Number of style classes."""
        return len(self.centroids)

    def align(self, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Align (N, 68, 2) or (68, 2) pixels as the training data was; see :func:`align`."""
        return align(landmarks, self.alignment)

    def encode(self, aligned: np.ndarray) -> np.ndarray:
        """Aligned faces (..., 68, 2) -> whitened coefficients (..., K)."""
        flat = np.asarray(aligned, float).reshape(*np.shape(aligned)[:-2], 136)
        return (flat - self.mean) @ self.components.T / self.scale

    def decode(self, coefficients: np.ndarray) -> np.ndarray:
        """Whitened coefficients (..., K) -> aligned faces (..., 68, 2)."""
        flat = self.mean + (np.asarray(coefficients, float) * self.scale) @ self.components
        return flat.reshape(*flat.shape[:-1], 68, 2)

    def residual(self, aligned: np.ndarray) -> np.ndarray:
        """What the K components do not hold of aligned faces: (..., 68, 2)."""
        return np.asarray(aligned, float) - self.decode(self.encode(aligned))

    def classify(self, coefficients: np.ndarray) -> np.ndarray:
        """Style class (...,) int64 of whitened coefficients (..., K): the nearest class mean."""
        plain = np.asarray(coefficients, float) * self.scale
        distance = (plain**2).sum(-1)[..., None] - 2 * plain @ self.centroids.T + (self.centroids**2).sum(-1)
        return distance.argmin(-1)


@dataclass(frozen=True)
class ShapeSet(Record):
    """Both domains as whitened coefficients, split into training and held-out samples.

    Attributes:
        normal: (Nx, K), art: (Ny, K) whitened coefficients, float64.
        normal_transforms: (Nx, 2, 3), art_transforms: (Ny, 2, 3), each sample's alignment.
        art_labels: (Ny,) int64 style classes.
        normal_held_out: (Nx,) bool, art_held_out: (Ny,) bool; held-out samples take no part in PCA, K-means
            and training.
    """

    kind: ClassVar[str] = "shape_set"
    normal: Annotated[np.ndarray, Array("f", "Nx", "K")]
    art: Annotated[np.ndarray, Array("f", "Ny", "K")]
    normal_transforms: Annotated[np.ndarray, Array("f", "Nx", 2, 3)]
    art_transforms: Annotated[np.ndarray, Array("f", "Ny", 2, 3)]
    art_labels: Annotated[np.ndarray, Array("iu", "Ny")]
    normal_held_out: Annotated[np.ndarray, Array("bool", "Nx")]
    art_held_out: Annotated[np.ndarray, Array("bool", "Ny")]

    def flaw(self) -> str | None:
        """See :meth:`portrait_pipeline.base.artifacts.Record.flaw`."""
        return "'art_labels' has a number below 0" if self.art_labels.min(initial=0) < 0 else None


@one_blas_thread
def build_shape_space(
    normal: Annotated[np.ndarray, Array("f", "Nx", "K")],
    art: Annotated[np.ndarray, Array("f", "Ny", "K")],
    params: ShapeSpaceParams,
    normal_groups: np.ndarray | None = None,
    art_groups: np.ndarray | None = None,
    normal_sources: np.ndarray | None = None,
    art_sources: np.ndarray | None = None,
    *,
    seed: int = 0,
) -> tuple[ShapeSpace, ShapeSet]:
    """Align both domains, split off the held-out samples, fit PCA and K-means on the rest.

    Args:
        normal: (Nx, 68, 2) pixels, y down. art: (Ny, 68, 2) pixels.
        params: alignment, numbers of components and classes, held-out share.
        normal_groups: (Nx,), art_groups: (Ny,) int; a group is held out whole or not at all. Every face is its own
            group if not given.
        normal_sources: (Nx,), art_sources: (Ny,) int; each source is split for itself, so that training and test
            both see it. One source if not given.
        seed: of the split and of the K-means restarts.

    Raises:
        ParameterError: too few samples for the components or classes asked for, or a domain that is one group.
        LandmarkError: a face cannot be aligned.
    """
    rng = np.random.default_rng(seed)
    aligned_normal, normal_transforms = align(normal, params.alignment)
    aligned_art, art_transforms = align(art, params.alignment)
    normal_held_out = split("normal", len(normal), params.held_out, rng, normal_groups, normal_sources)
    art_held_out = split("art", len(art), params.held_out, rng, art_groups, art_sources)
    train_normal, train_art = aligned_normal[~normal_held_out], aligned_art[~art_held_out]
    _check_counts(len(train_normal), len(train_art), params)
    mean, components, scale, kept = fit_pca(np.concatenate([train_normal, train_art]), params.components)
    parity = _parity(components)
    plain = (train_art.reshape(-1, 136) - mean) @ components.T
    centroids = fit_classes(plain, params.classes, seed)
    normal_mean = ((train_normal.mean(0).reshape(136) - mean) @ components.T / scale) * (parity > 0)
    space = ShapeSpace(params.alignment, mean, components, scale, parity, centroids, normal_mean, kept)
    art_coefficients = space.encode(aligned_art)
    shapes = ShapeSet(
        space.encode(aligned_normal),
        art_coefficients,
        normal_transforms,
        art_transforms,
        space.classify(art_coefficients),
        normal_held_out,
        art_held_out,
    )
    return space, shapes


def split(
    domain: str,
    count: int,
    share: float,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
    sources: np.ndarray | None = None,
) -> np.ndarray:
    """Choose the held-out samples of a domain: whole groups, and of every source its share.

    The groups of a source are taken in random order as long as that brings the number of its held-out samples
    nearer to the share; a source that is one single group is trained on.

    Args:
        domain: its name, for the message.
        count: number of samples N.
        share: part of each source to hold out.
        groups, sources: (N,) int; see :func:`build_shape_space`.

    Returns:
        (N,) bool.

    Raises:
        ParameterError: every source is one single group.
    """
    groups = np.arange(count) if groups is None else np.asarray(groups)
    sources = np.zeros(count, np.int64) if sources is None else np.asarray(sources)
    held_out = np.zeros(count, bool)
    for source in np.unique(sources):
        rows = np.flatnonzero(sources == source)
        _, first, numbers = np.unique(groups[rows], return_index=True, return_inverse=True)
        numbers = np.argsort(np.argsort(first))[numbers]  # groups by first appearance, whatever their names
        sizes = np.bincount(numbers)
        if len(sizes) > 1:
            chosen = _choose(sizes, max(1, round(len(rows) * share)), rng)
            held_out[rows[np.isin(numbers, chosen)]] = True
    if not held_out.any():
        raise ParameterError(
            f"landmark_sets.{domain}: all {count} faces are one group a source, so none can be held out; put them in "
            "sub-folders (or name groups in the file) that may be parted"
        )
    return held_out


def _choose(sizes: np.ndarray, target: int, rng: np.random.Generator) -> list[int]:
    """Groups, in random order, whose sizes (G,) add up to about ``target``: at least one and not all of them."""
    order = rng.permutation(len(sizes))
    chosen, total = [], 0
    for group in order:
        if abs(total + sizes[group] - target) < abs(total - target):
            chosen.append(int(group))
            total += sizes[group]
    return chosen or [int(order[np.argmin(sizes[order])])]


def _check_counts(normal: int, art: int, params: ShapeSpaceParams) -> None:
    if min(normal, normal + art) < 2 or normal + art < params.components:
        raise ParameterError(
            f"shape_space.components is {params.components} but only {normal + art} faces are there to "
            "train on; "
            "raise landmark_sets.normal_count and art_count, or ask for fewer components"
        )
    if art < params.classes:
        raise ParameterError(
            f"shape_space.classes is {params.classes} but only {art} art faces are there to train on; raise "
            "landmark_sets.art_count or ask for fewer classes"
        )


def fit_pca(aligned: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """PCA of aligned faces (N, 68, 2) together with their mirror images.

    Returns:
        mean (136,), orthonormal components (K, 136), standard deviations (K,), share of variance kept.
    """
    from sklearn.decomposition import PCA  # slow to import, and translating one pair does not need it
    from threadpoolctl import threadpool_limits

    both = np.concatenate([aligned, mirror(aligned)]).reshape(-1, 136)
    with threadpool_limits(1):  # the same bits whatever the number of cores
        pca = PCA(n_components=components, svd_solver="full").fit(both)
    scale = pca.singular_values_ / np.sqrt(len(both))
    components = pca.components_ * steady_signs(pca.components_)[:, None]
    return pca.mean_, components, np.maximum(scale, 1e-9), float(pca.explained_variance_ratio_.sum())


def _parity(components: np.ndarray) -> np.ndarray:
    reflected = mirror(components.reshape(-1, 68, 2)).reshape(-1, 136)
    return np.where((reflected * components).sum(1) >= 0, 1.0, -1.0)


def fit_classes(coefficients: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """K-means class means (classes, K) of unwhitened coefficients (N, K), from the largest class to the smallest.

    Classes of one size follow each other by their first coefficient, not as the restarts happened to number them.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # threads would add up their partial means in random order
        means = KMeans(classes, n_init=RESTARTS, random_state=seed).fit(coefficients)
    centres, sizes = means.cluster_centers_, np.bincount(means.labels_, minlength=classes)
    return centres[np.lexsort((centres[:, 0], -sizes))]
