"""Multi-view texture optimisation (section 5): the artwork's colours and strokes on the head's texture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from ..errors import ParameterError, TrainingError
from ..mesh import Mesh
from ..mesh.render import Framing, View, frame_head
from ..params import TextureParams
from ..progress import Progress, silent
from .exemplar import (
    OUTER,
    TEETH,
    face_coordinates,
    face_mask,
    foreign,
    mouth_is_open,
    portrait_mask,
    region_map,
    without_example,
)
from .hypercolumns import sample_columns
from .losses import colour_emd, moment_distance, relaxed_emd, self_similarity
from .palette import start_colours
from .perceptual import PerceptualNetwork
from .pyramid import analyse, resize, synthesise
from .rmsprop import TextureRMSprop
from .sampling import Samples, draw_pixels, inner, pixel_points
from .surface import TexelMap, bilinear_at_vertices, extend, surface_laplacian, texel_map
from .views import LinearView, crop_framing, draw_views, linear_view, mip_chain, surround_views, texel_weights

_OTHER_REGION = 10.0
_MOMENT_CHANNELS = 512
_CANDIDATES = 2
_WELL_SEEN = 0.25
_FLOOR = 0.3
_ART_MARGIN = 0.12
_ART_ENLARGEMENT = 1.25


@dataclass(frozen=True)
class Guide:
    """Where things are on the head.

    Attributes:
        labels: (S, S) uint8 regions in the UV layout.
        places: (68, 2) landmarks in the texture image, x right and y down in [0, 1].
        frame: (68, 2) frontal landmark positions in head space (x right, y up), cm.
        width: of the face, cm.
    """

    labels: np.ndarray
    places: np.ndarray
    frame: np.ndarray
    width: float


@dataclass
class Shot:
    """A view with its sample candidates and the content columns there (computed at first use)."""

    view: LinearView
    samples: Samples
    front: bool
    columns: torch.Tensor | None = None


@dataclass(frozen=True)
class StyleSet:
    """Style samples of one scale: columns (M, 2179) and where they come from."""

    columns: torch.Tensor
    samples: Samples


@dataclass(frozen=True)
class Stage:
    """One scale of the coarse-to-fine schedule."""

    index: int
    size: int
    iterations: int
    learning_rate: float
    content_weight: float
    texture_size: int


class Stylisation:
    """State shared by all scales: geometry, artwork, network, random numbers."""

    def __init__(
        self, mesh: Mesh, photo_texture: np.ndarray, art: np.ndarray, art_points: np.ndarray, params: TextureParams,
        landmarks: np.ndarray | None, device: str,
    ) -> None:
        self.mesh, self.params, self.device = mesh, params, torch.device(device)
        self.rng = np.random.default_rng(params.seed)
        self.framing = frame_head(mesh.vertices, margin=0.02, elevation=params.elevation)
        self.photo = _to_image(photo_texture, self.device)
        self.guide = make_guide(mesh, landmarks, photo_texture.shape[0]) if landmarks is not None else None
        self.art, self.art_points, self.art_mask = crop_art(art, art_points)
        inside = self.art[self.art_mask].reshape(-1, 3)
        self.style_mean = torch.tensor(inside.mean(axis=0) / 255.0, dtype=torch.float32, device=self.device)
        self.art[~self.art_mask] = np.rint(inside.mean(axis=0)).astype(np.uint8)
        precision = torch.bfloat16 if self.device.type == "cpu" else torch.float32
        self.network = PerceptualNetwork(params.weights, self.device, precision)
        self.views = draw_views(params.views, params.azimuth, params.elevation, self.rng)
        self.surround = surround_views(params.surround, params.azimuth, params.elevation, self.rng)
        self.laplacian = surface_laplacian(mesh)
        self.texels: dict[int, TexelMap] = {}

    def columns(self, image: torch.Tensor, points: np.ndarray) -> torch.Tensor:
        """Hypercolumns (N, 2179) of an image at positions (N, 2)."""
        return sample_columns(self.network.features(image), torch.as_tensor(points, device=self.device))

    # -- views -----------------------------------------------------------------------------------------------------

    def shots(self, stage: Stage) -> list[Shot]:
        """All views of a scale, rasterised; above ``params.crop`` pixels random windows of that size."""
        zoom = max(stage.size / self.params.crop, 1.0)
        size = min(stage.size, self.params.crop)
        return [
            self._shot(view, self._window(view, zoom), size, stage.texture_size, front)
            for views, front in ((self.views, True), (self.surround, False))
            for view in views
        ]

    def _window(self, view: View, zoom: float) -> Framing:
        if zoom <= 1.0:
            return self.framing
        reach = 1 - 1 / zoom
        place = np.clip(self.rng.normal(0.0, 0.45, size=2), -1, 1) * reach * np.array([0.8, 0.9])
        return crop_framing(self.framing, view, float(place[0]), float(place[1]), zoom)

    def _shot(self, view: View, framing: Framing, size: int, texture_size: int, front: bool) -> Shot:
        supersample = max(2, min(4, 256 // size))
        seen = linear_view(self.mesh, view, framing, size, texture_size, supersample, self.device)
        mask = inner(seen.coverage.cpu().numpy() > 0.999, max(1, size // 128))
        if not mask.any():
            mask = np.ones_like(mask)
        labels = self._labels(seen.uv)
        index = draw_pixels(mask, labels, self.params.points * _CANDIDATES, self.rng, self.guide is not None)
        position = np.zeros((len(index), 2), np.float32)
        if self.guide is not None:
            position = (seen.surface.reshape(-1, 3)[index, :2] / self.guide.width).astype(np.float32)
        points = pixel_points(index, mask.shape, self.rng)
        return Shot(seen, Samples(points, labels.ravel()[index], position), front)

    def _labels(self, uv: np.ndarray) -> np.ndarray:
        if self.guide is None:
            return np.zeros(uv.shape[:2], np.uint8)
        size = self.guide.labels.shape[0]
        column = np.clip((uv[..., 0] * size).astype(int), 0, size - 1)
        row = np.clip(((1 - uv[..., 1]) * size).astype(int), 0, size - 1)
        return self.guide.labels[row, column]

    # -- artwork ---------------------------------------------------------------------------------------------------

    def style(self, stage: Stage) -> StyleSet:
        """Columns of the artwork at the size at which its face is as large as the rendered one."""
        face = np.linalg.norm(self.art_points[16] - self.art_points[0])
        width = self.guide.width if self.guide is not None else 0.62 * self.framing.half_extent
        wanted = width / (2 * self.framing.half_extent) * stage.size
        factor = min(wanted / face, _ART_ENLARGEMENT)
        height, wide = (max(16, int(round(side * factor))) for side in self.art.shape[:2])
        image = resize(_to_image(self.art, self.device), (height, wide))
        mask = cv2.resize(self.art_mask.astype(np.float32), (wide, height), interpolation=cv2.INTER_AREA) > 0.999
        mask = inner(mask, max(1, min(stage.size, self.params.crop) // 128))
        points = self.art_points * np.array([wide / self.art.shape[1], height / self.art.shape[0]])
        labels = region_map(points, (height, wide), mouth_is_open(points))
        if self.guide is not None and not (self.guide.labels == TEETH).any():
            mask &= labels != TEETH
        index = draw_pixels(mask, labels, self.params.style_points, self.rng, self.guide is not None)
        where = pixel_points(index, mask.shape, self.rng)
        position = np.zeros((len(index), 2), np.float32)
        if self.guide is not None:
            place = face_coordinates(where * np.array([wide, height]), points, self.guide.frame)
            position = (place / self.guide.width).astype(np.float32)
        with torch.no_grad():
            columns = self.columns(image, where)
        return StyleSet(columns, Samples(where, labels.ravel()[index], position))

    # -- optimisation ----------------------------------------------------------------------------------------------

    def start(self, previous: torch.Tensor | None, stage: Stage) -> torch.Tensor:
        """First texture of a scale: the previous one enlarged, with the photo's detail of this scale."""
        size = (stage.texture_size, stage.texture_size)
        content = resize(self.photo, size)
        if previous is None:
            return start_colours(content, self.art[self.art_mask], self.params.start, *self._faces(stage.texture_size))
        if previous.shape[2] == stage.texture_size:
            return previous
        enlarged = resize(previous, size)
        return enlarged + content - resize(resize(content, tuple(previous.shape[2:])), size)

    def _faces(self, size: int) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The face's texels (size, size) bool and the artwork's face colours (N, 3); None without landmarks."""
        if self.guide is None:
            return None, None
        inside = face_mask(self.art_points, self.art.shape[:2]) & self.art_mask
        return face_mask(self.guide.places * size, (size, size)), self.art[inside]

    def run(self, stage: Stage, texture: torch.Tensor, report) -> torch.Tensor:
        """Optimise one scale; returns the new texture (1, 3, t, t)."""
        shots, style = self.shots(stage), self.style(stage)
        content_chain = mip_chain(resize(self.photo, tuple(texture.shape[2:])))
        levels = max(1, min(5, stage.texture_size.bit_length() - 4))
        variable = [part.clone().requires_grad_() for part in analyse(texture, levels)]
        optimiser = TextureRMSprop(variable, stage.learning_rate, _FLOOR)
        order: list[int] = []
        for _ in range(stage.iterations):
            order = order or self.rng.permutation(len(shots)).tolist()
            shot = shots[order.pop()]
            if shot.columns is None:
                with torch.no_grad():
                    image = shot.view.render(content_chain, self.style_mean)
                    shot.columns = self.columns(image, shot.samples.points).to(torch.bfloat16)
            loss, terms = self._loss(stage, shot, style, mip_chain(synthesise(variable)))
            loss.backward()
            optimiser.step()
            report(stage, terms)
        after = self._complete(texture, synthesise(variable).detach(), [shot.view for shot in shots])
        return self._keep_teeth(after, style)

    def _keep_teeth(self, texture: torch.Tensor, style: StyleSet) -> torch.Tensor:
        """Give teeth without an example back their first colours: the content loss alone would let their hue drift."""
        if self.guide is None or not without_example(self.guide.labels.ravel(), style.samples.region).any():
            return texture
        size = texture.shape[2]
        teeth = cv2.resize((self.guide.labels == TEETH).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        teeth = cv2.GaussianBlur(teeth, (0, 0), max(0.5, size / 512))
        mask = torch.as_tensor(teeth, device=self.device)
        first = start_colours(
            resize(self.photo, (size, size)), self.art[self.art_mask], self.params.start, *self._faces(size)
        )
        return texture * (1 - mask) + first.to(texture.dtype) * mask

    def _complete(self, before: torch.Tensor, after: torch.Tensor, views: list[LinearView]) -> torch.Tensor:
        """Carry the change of well-seen texels smoothly over those that no view showed enough to optimise."""
        size = after.shape[2]
        weight = texel_weights(views).cpu().numpy()
        confidence = np.clip(weight / max(float(np.median(weight[weight > 0])), 1e-12) / _WELL_SEEN, 0, 1)
        confidence = cv2.GaussianBlur(confidence.astype(np.float32), (0, 0), max(1.0, size / 128))
        confidence = np.clip((confidence - 0.5) * 2.0, 0, 1)
        change = (after - before)[0].permute(1, 2, 0).cpu().numpy()
        values, known = bilinear_at_vertices(self.mesh, change, confidence, size / 48)
        field = extend(self.laplacian, values, np.where(known > 0.3, known, 0.0))
        if size not in self.texels:
            self.texels[size] = texel_map(self.mesh, size)
        smooth = self.texels[size].interpolate(self.mesh.triangles, field)
        mixed = change * confidence[..., None] + smooth * (1 - confidence[..., None])
        return before + torch.tensor(mixed, dtype=before.dtype, device=self.device).permute(2, 0, 1)[None]

    def _loss(
        self, stage: Stage, shot: Shot, style: StyleSet, chain: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        pick = self.rng.choice(len(shot.samples.points), self.params.points, replace=False)
        samples = shot.samples.take(pick)
        x = self.columns(shot.view.render(chain, self.style_mean), samples.points)
        content = shot.columns[torch.as_tensor(pick, device=self.device)].float()
        half = max(len(pick) // 2, 1)
        terms = {"content": self_similarity(x[:half], content[:half])}
        terms |= self._style_terms(x, samples, style, shot.front)
        a = stage.content_weight
        loss = (a * terms["content"] + terms["emd"] + terms["moments"] + terms["colour"] / max(a, 1.0)) / (a + 2.0)
        return loss, {"loss": loss.item(), **{name: value.item() for name, value in terms.items()}}

    def _style_terms(
        self, x: torch.Tensor, samples: Samples, style: StyleSet, front: bool
    ) -> dict[str, torch.Tensor]:
        """Both ways for the face seen from the front; one way (result to style) for neck, ears, sides and back."""
        search = torch.bfloat16 if self.device.type == "cpu" else None
        penalty = self._penalty(samples, style.samples)
        styled = ~without_example(samples.region, style.samples.region)
        facial = (samples.region != OUTER) & front & styled
        y, total = style.columns, len(samples.region)
        terms = {name: x.new_zeros(()) for name in ("emd", "moments", "colour")}
        for chosen, one_way in ((facial, False), (~facial & styled, True)):
            rows = torch.as_tensor(np.flatnonzero(chosen), device=self.device)
            if len(rows) < 2:
                continue
            part, share = x.index_select(0, rows), len(rows) / total
            guide = None if penalty is None else penalty[rows]
            terms["emd"] = terms["emd"] + share * relaxed_emd(part, y, guide, search, one_way)
            terms["colour"] = terms["colour"] + share * colour_emd(part[:, :3], y[:, :3], guide, one_way)
            if not one_way:
                channels = np.sort(self.rng.choice(x.shape[1], min(_MOMENT_CHANNELS, x.shape[1]), replace=False))
                index = torch.as_tensor(channels, device=self.device)
                terms["moments"] = share * moment_distance(part.index_select(1, index), y.index_select(1, index))
        return terms

    def _penalty(self, samples: Samples, style: Samples) -> torch.Tensor | None:
        if self.guide is None:
            return None
        a, b = (torch.as_tensor(s.position, device=self.device) for s in (samples, style))
        other = torch.as_tensor(foreign(samples.region, style.region), device=self.device)
        distance = torch.cdist(a, b).square().clamp(max=1.0) * self.params.guidance
        return distance + other.to(distance.dtype) * _OTHER_REGION


def make_guide(mesh: Mesh, landmarks: np.ndarray, size: int) -> Guide:
    """Regions in the UV layout and the frontal face frame from the mesh's 68 landmark vertices."""
    corner = np.full(len(mesh.vertices), -1)
    corner[mesh.triangles.ravel()] = mesh.uv_triangles.ravel()
    uv = mesh.uv[corner[landmarks]]
    places = np.stack([uv[:, 0], 1 - uv[:, 1]], axis=1) * size
    frame = np.asarray(mesh.vertices, float)[landmarks][:, :2]
    labels = region_map(places, (size, size), mouth_is_open(frame))
    below = np.concatenate([[[0.0, places[0, 1]]], places[:17], [[size, places[16, 1]], [size, size], [0.0, size]]])
    outer = np.zeros_like(labels)
    cv2.fillPoly(outer, [np.rint((below - 0.5) * 16).astype(np.int32)], 1, shift=4)
    labels[outer > 0] = OUTER
    return Guide(labels, places / size, frame, float(np.linalg.norm(frame[16] - frame[0])))


def crop_art(art: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The portrait's part of the artwork: cropped image, points in it, and the mask of usable pixels."""
    mask = portrait_mask(points, art.shape[:2])
    rows, columns = np.nonzero(mask)
    margin = int(_ART_MARGIN * (columns.max() - columns.min()))
    top, left = max(rows.min() - margin, 0), max(columns.min() - margin, 0)
    bottom, right = rows.max() + margin + 1, columns.max() + margin + 1
    window = (slice(top, bottom), slice(left, right))
    return art[window].copy(), np.asarray(points, float) - [left, top], mask[window]


def _to_image(rgb: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(rgb), device=device).permute(2, 0, 1)[None].float() / 255.0


def schedule(params: TextureParams, texture_size: int) -> list[Stage]:
    """Scales, iterations, learning rates and content weights: a = 16 w beta, halved at each scale."""
    stages = []
    for index, (size, iterations) in enumerate(zip(params.scales, params.iterations, strict=True)):
        last = index == len(params.scales) - 1
        rate = params.learning_rate * (0.5 if last else 1.0)
        weight = 16.0 * params.content_weight * params.beta / 2**index
        stages.append(Stage(index, size, iterations, rate, weight, min(texture_size, 2 * size)))
    return stages


def stylise(
    mesh: Mesh,
    photo_texture: np.ndarray,
    art: np.ndarray,
    art_points: np.ndarray,
    params: TextureParams,
    progress: Progress = silent,
    landmarks: np.ndarray | None = None,
    device: str = "cpu",
) -> tuple[np.ndarray, list[dict[str, float]]]:
    """Optimise the texture so that views of the head look painted like the artwork (section 5.1, eqs. 11-13).

    Args:
        mesh: deformed head with UV, head space.
        photo_texture: (S, S, 3) uint8 RGB, the photo in the UV layout: content and start.
        art: (H, W, 3) uint8 RGB. art_points: (68, 2) px in it.
        params: section ``texture``.
        progress: called once a step.
        landmarks: (68,) vertex ids of the mesh; with them eyes are matched with eyes and lips with lips.
        device: torch device.

    Returns:
        (S, S, 3) uint8 RGB texture, and one record a step: step, scale, loss, content, emd, moments, colour.

    Raises:
        ParameterError: as many ``scales`` as ``iterations`` are needed; the texture is not a square uint8 image.
        LandmarkError: the artwork's outline holds no pixel. TrainingError: the loss left the finite numbers.
    """
    _check(photo_texture, params)
    stages = schedule(params, photo_texture.shape[0])
    total = sum(stage.iterations for stage in stages)
    history: list[dict[str, float]] = []

    def report(stage: Stage, terms: dict[str, float]) -> None:
        step = len(history) + 1
        if not np.isfinite(terms["loss"]):
            bad = next(name for name, value in terms.items() if not np.isfinite(value))
            raise TrainingError(f"texture: loss term '{bad}' is not finite at step {step}; lower texture.learning_rate")
        history.append({"step": step, "scale": stage.size, **terms})
        progress(step, total, terms)

    if params.strength == 0.0:
        return photo_texture.copy(), history
    work = Stylisation(mesh, photo_texture, art, art_points, params, landmarks, device)
    texture: torch.Tensor | None = None
    for stage in stages:
        texture = work.run(stage, work.start(texture, stage), report)
    if texture is None or texture.shape[2] != photo_texture.shape[0]:
        last = Stage(len(stages), 0, 0, 0.0, 0.0, photo_texture.shape[0])
        texture = work.start(texture, last)
    mixed = texture.clamp(0, 1) * params.strength + work.photo * (1 - params.strength)
    result = (mixed[0].permute(1, 2, 0) * 255).round().clamp(0, 255).to(torch.uint8)
    return result.cpu().numpy(), history


def _check(photo_texture: np.ndarray, params: TextureParams) -> None:
    shape = photo_texture.shape
    if len(shape) != 3 or shape[2] != 3 or shape[0] != shape[1] or photo_texture.dtype != np.uint8:
        raise ParameterError(
            f"photo texture is {photo_texture.dtype} of shape {shape}: it must be a square uint8 RGB image"
        )
    if len(params.scales) != len(params.iterations):
        raise ParameterError(
            f"texture.iterations has {len(params.iterations)} entries and texture.scales {len(params.scales)}: "
            "give one number of iterations for each scale"
        )
