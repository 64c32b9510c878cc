"""The folder of results that a person opens."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ..animation.rig import SHELL, Rig
from ..base.images import save_image
from ..base.numerics import one_blas_thread
from ..fit.record import FittedPair
from ..head.model import FaceModel
from ..landmarks.record import LocatedPair
from ..mesh.obj import TexturedObject, write_obj, write_surfaces
from ..photo_texture.record import PhotoTexture
from ..texture.record import StylisedTexture
from ..translation.record import TranslatedPair
from .contact_sheet import CELL, WIDTH, SheetInputs, write_contact_sheet
from .formats import FORMATS
from .glb import write_rig_glb
from .params import ExportParams
from .pose import RIG_NAME
from .posed_views import expression_row
from .turntable import write_turntable
from .viewer import write_viewer


@one_blas_thread
def write_results(
    folder: Path,
    title: str,
    model: FaceModel,
    located: LocatedPair,
    fitted: FittedPair,
    translated: TranslatedPair,
    photo: PhotoTexture,
    stylised: StylisedTexture,
    rig: Rig,
    photo_rig: Rig,
    params: ExportParams,
    picture: np.ndarray | None = None,
    formats: Collection[str] = FORMATS,
) -> None:
    """Write the files of a portrait, by format:

    - ``glb``: head.glb, and portrait.glb with a shell;
    - ``obj``: head.obj, head.mtl, texture.png, and portrait.obj, portrait.mtl, shell.png with a shell;
    - ``rig``: rig.h5, which ``portrait pose`` reads (:mod:`.pose`);
    - ``viewer``: viewer.html; ``turntable``: turntable.gif; ``sheet``: contact_sheet.png.

    A ``picture`` becomes picture.png in any case.

    Args:
        folder: made if needed; files of these names are replaced.
        title: heading of the contact sheet and the viewer; any text.
        rig: of the stylised head. photo_rig: of the fitted head with the photo's texture.
        picture: (H, W, 3) uint8 RGB, the photo redrawn.
        formats: some of ``FORMATS``.

    Raises:
        OutputError: a file cannot be written.
    """
    fitted_mesh = model.mesh(fitted.vertices)
    mesh = fitted_mesh.with_vertices(stylised.vertices)
    shells = [part for part in rig.parts if part.name == SHELL]
    surfaces = [(mesh, stylised.texture), *((part.mesh, part.texture) for part in shells)]
    if "rig" in formats:
        rig.save(folder / RIG_NAME)
    if "glb" in formats:
        write_rig_glb(folder / "head.glb", rig.bare)
        if shells:
            write_rig_glb(folder / "portrait.glb", rig)
    if "obj" in formats:
        write_obj(folder, mesh, stylised.texture)  # also texture.png; as deformed, closed at eyes and mouth
        if shells:
            objects = [TexturedObject("Head", *surfaces[0]), TexturedObject(SHELL, *surfaces[1], "shell.png")]
            write_surfaces(folder / "portrait.obj", objects)
    if "turntable" in formats:
        write_turntable(folder / "turntable.gif", surfaces, params)
    if "viewer" in formats:
        write_viewer(folder / "viewer.html", title, {"Stylised": rig, "Photo": photo_rig})
    if picture is not None:
        save_image(folder / "picture.png", picture)
    if "sheet" not in formats:
        return
    inputs = SheetInputs(
        title=title,
        photo=located.photo,
        art=located.art,
        photo_points=located.photo_points,
        art_points=located.art_points,
        photo_errors=located.photo_errors,
        art_errors=located.art_errors,
        content=translated.content,
        translated=translated.translated,
        style=translated.style,
        mesh=fitted_mesh,
        deformed=stylised.vertices,
        photo_texture=photo.texture,
        texture=stylised.texture,
        surfaces=surfaces,
        expressions=expression_row(rig, WIDTH // 5, CELL),
        picture=picture,
    )
    write_contact_sheet(folder / "contact_sheet.png", inputs)
