"""The folder of results that a person opens."""

from __future__ import annotations

from pathlib import Path

from ..face_model import FaceModel
from ..mesh.export import write_glb, write_obj
from ..params import ExportParams
from .contact_sheet import SheetInputs, write_contact_sheet
from .pair import FittedPair, LocatedPair, PhotoTexture, StylisedTexture, TranslatedPair
from .turntable import write_turntable
from .viewer import write_viewer


def write_results(
    folder: Path,
    title: str,
    model: FaceModel,
    located: LocatedPair,
    fitted: FittedPair,
    translated: TranslatedPair,
    photo: PhotoTexture,
    stylised: StylisedTexture,
    params: ExportParams,
) -> None:
    """Write head.glb, head.obj, head.mtl, texture.png, contact_sheet.png, turntable.gif and viewer.html.

    Args:
        folder: made if needed; files of these names are replaced.
        title: heading of the contact sheet and the viewer; any text.

    Raises:
        OutputError: a file cannot be written.
    """
    fitted_mesh = model.mesh(fitted.vertices)
    mesh = fitted_mesh.with_vertices(stylised.vertices)
    write_glb(folder / "head.glb", mesh, stylised.texture)
    write_obj(folder, mesh, stylised.texture)  # also texture.png
    write_turntable(folder / "turntable.gif", mesh, stylised.texture, params)
    write_viewer(
        folder / "viewer.html",
        title,
        mesh,
        {"Stylised": stylised.texture, "Photo": photo.texture},
        {"Stylised": stylised.vertices, "Photo": fitted.vertices},
    )
    inputs = SheetInputs(
        title=title,
        photo=located.photo,
        art=located.art,
        photo_points=located.photo_points,
        art_points=located.art_points,
        content=translated.content,
        translated=translated.translated,
        style=translated.style,
        mesh=fitted_mesh,
        deformed=stylised.vertices,
        photo_texture=photo.texture,
        texture=stylised.texture,
    )
    write_contact_sheet(folder / "contact_sheet.png", inputs)
