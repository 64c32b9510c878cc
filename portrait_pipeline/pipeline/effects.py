"""The controls of one pair as a grid of pictures (Fig. 9): style against content, exaggeration, and strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..base.device import Hardware
from ..base.errors import ParameterError
from ..base.images import save_image
from ..base.progress import progress_bar
from ..base.stage import Layout
from ..deform.step import deform_pair
from ..export.contact_sheet import CELL, Panel, compose, tight_frame
from ..fit.record import FittedPair
from ..head.model import FaceModel, load_bundled_model
from ..landmarks.params import load_pair
from ..landmarks.record import LocatedPair
from ..mesh.render import View, render
from ..photo_texture.record import PhotoTexture
from ..texture.optimise import check_ready
from ..texture.step import stylise_pair
from ..translation.record import TranslatedPair
from .params import Params, load_params, with_overrides

BETAS = (4.0, 2.0, 1.0, 0.5, 0.25)
SCALES = (0.0, 1.0, 1.5)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_VIEW = View(-15.0, 0.0)
_CELL_WIDTH = 400

Stylise = Callable[[float], np.ndarray]


def write_effects(
    name: str,
    output: Path,
    project: Path,
    overrides: Sequence[str],
    betas: Sequence[float],
    scales: Sequence[float],
    strengths: Sequence[float],
    notify: Callable[[str], None],
) -> None:
    """Make the grid of one pair of a project and write it as PNG or JPEG.

    Args:
        name: of the pair; its stages up to ``photo_texture`` must have run.
        overrides: ``section.name=value``. notify: receives one line a texture.

    Raises:
        PortraitError: any user error; nothing is written then.
    """
    if output.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ParameterError(f"--output is {output}: it must end in .png or .jpg")
    layout = Layout(project)
    params = with_overrides(load_params(project / "params.yaml"), overrides)
    load_pair(name, project / "params.yaml")
    _check(betas, scales, strengths)
    check_ready(params.texture, Hardware.wanted())
    model = load_bundled_model()
    located = LocatedPair.load(layout.pair_artifact("landmarks", name))
    fitted = FittedPair.load(layout.pair_artifact("fit", name), V=len(model.mean))
    translated = TranslatedPair.load(layout.pair_artifact("translate", name))
    photo = PhotoTexture.load(layout.pair_artifact("photo_texture", name))
    head = deform_pair(model, fitted, translated, params.deform)

    def stylise(beta: float) -> np.ndarray:
        texture = params.texture.model_copy(update={"beta": beta, "strength": 1.0})
        with progress_bar(f"beta {beta:g}") as progress:
            result, _ = stylise_pair(model, located, head, photo, texture, progress, seed=params.seed)
        notify(f"beta {beta:g}: style {result.style_loss:.4f}, content {result.content_loss:.4f}")
        return result.texture

    picture = effect_grid(
        model, fitted, translated, photo.texture, params, betas, scales, strengths, stylise, f"{name}: controls"
    )
    save_image(output, picture)


def effect_grid(
    model: FaceModel,
    fitted: FittedPair,
    translated: TranslatedPair,
    photo: np.ndarray,
    params: Params,
    betas: Sequence[float],
    scales: Sequence[float],
    strengths: Sequence[float],
    stylise: Stylise,
    title: str = "",
) -> np.ndarray:
    """Rows of ``deform.scale`` against columns of ``texture.beta``, and below them a row of ``texture.strength``.

    Each beta needs one texture, made for the head of ``deform.scale`` and shown on the heads of all scales. Strength
    blends the texture of ``texture.beta`` with the photo's.

    Args:
        photo: (S, S, 3) uint8 RGB, the photo texture.
        stylise: gives the texture (S, S, 3) of a beta at full strength; called once for each.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ParameterError: an empty list, or a value out of the parameter's range.
    """
    _check(betas, scales, strengths)
    textures = {beta: stylise(beta) for beta in dict.fromkeys([*betas, *([params.texture.beta] if strengths else [])])}
    heads = {
        scale: deform_pair(model, fitted, translated, params.deform.model_copy(update={"scale": scale})).vertices
        for scale in dict.fromkeys([*scales, params.deform.scale])
    }
    framing = tight_frame(np.concatenate(list(heads.values())), [_VIEW])

    def panel(caption: str, scale: float, texture: np.ndarray) -> Panel:
        mesh = model.mesh(heads[scale])
        return caption, render(mesh, texture, _VIEW, framing, _CELL_WIDTH, CELL, supersample=3)

    rows = [[panel(f"beta {beta:g}, scale {scale:g}", scale, textures[beta]) for beta in betas] for scale in scales]
    rows.append(
        [
            panel(f"strength {strength:g}", params.deform.scale, blend(photo, textures[params.texture.beta], strength))
            for strength in strengths
        ]
    )
    rows = [row for row in rows if row]
    return compose(rows, _CELL_WIDTH * max(map(len, rows)), title)


def blend(photo: np.ndarray, texture: np.ndarray, strength: float) -> np.ndarray:
    """What ``texture.strength`` gives: from the photo's texture (0) to the stylised one (1), (S, S, 3) uint8."""
    mixed = texture.astype(np.float64) * strength + photo.astype(np.float64) * (1 - strength)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def _check(betas: Sequence[float], scales: Sequence[float], strengths: Sequence[float]) -> None:
    if not betas or not scales:
        raise ParameterError("effects: at least one --beta and one --scale are needed")
    limits = (("beta", betas, 0, np.inf), ("scale", scales, 0, 5), ("strength", strengths, 0, 1))
    for name, values, low, high in limits:
        for value in values:
            if not (np.isfinite(value) and low <= value <= high):
                allowed = f"between {low} and {high}" if np.isfinite(high) else f"finite and at least {low}"
                raise ParameterError(f"effects: --{name} is {value:g}: it must be {allowed}")
