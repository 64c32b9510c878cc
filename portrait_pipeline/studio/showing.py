"""What the studio shows: its page, pictures, the stream of events, the 3D view, downloads. Changes nothing."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import AsyncIterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from anyio import to_thread
from PIL import Image
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from ..base.errors import ParameterError
from ..samples.sources import PREFIX, resolve
from .asking import role_of, studio_of, work_of
from .guard import VIEWER_POLICY
from .works import PICTURE, PREVIEW, RESULTS, ROLES

ASSETS = Path(str(files(__package__) / "assets"))
DOWNLOADS = {
    "glb": ("portrait.glb", "head.glb"),
    "png": (PICTURE,),
    "gif": ("turntable.gif",),
    "sheet": ("contact_sheet.png",),
}
"""Kinds of download that are one file: the first of these names that is there."""
OBJ = (".obj", ".mtl")
SHOWN = {"view": "view.jpg", "parts": "parts.png"}
_PAGE = ("studio.css", "studio.js", "points.js")
_THUMB = 320


async def page(request: Request) -> Response:
    name = request.path_params.get("name", "studio.html")
    if name != "studio.html" and name not in _PAGE:
        raise ParameterError("There is no such file here.")
    return FileResponse(ASSETS / name)


async def events(request: Request) -> Response:
    return StreamingResponse(studio_of(request).listen(), media_type="text/event-stream")


async def sample(request: Request) -> Response:
    source = resolve(f"{PREFIX}{request.path_params['name']}")
    return Response(await to_thread.run_sync(_thumb, source.path, 0), media_type="image/jpeg")


async def picture(request: Request) -> Response:
    work, role = work_of(request), role_of(request)
    shown, name = getattr(work, role), SHOWN.get(request.path_params["what"])
    if not (shown and name):
        raise ParameterError("There is no such picture.")
    return FileResponse((studio_of(request).shelf.folder(work) / shown.file).with_name(name))


async def preview(request: Request) -> Response:
    return _file(studio_of(request).shelf.folder(work_of(request)) / PREVIEW)


async def portrait(request: Request) -> Response:
    return _file(studio_of(request).shelf.folder(work_of(request)) / RESULTS / PICTURE)


async def thumb(request: Request) -> Response:
    path = studio_of(request).shelf.folder(work_of(request)) / RESULTS / PICTURE
    _file(path)
    return Response(await to_thread.run_sync(_thumb, path, path.stat().st_mtime_ns), media_type="image/jpeg")


@lru_cache(maxsize=256)
def _thumb(path: Path, changed: int) -> bytes:
    """A small JPEG of one of the studio's own pictures or samples."""
    with Image.open(path) as image:
        small = image.convert("RGB")
    small.thumbnail((_THUMB, _THUMB), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=88)
    return stream.getvalue()


def _file(path: Path, **options: Any) -> FileResponse:
    if not path.is_file():
        raise ParameterError("There is no such file.")
    return FileResponse(path, **options)


async def viewer(request: Request) -> Response:
    path = studio_of(request).shelf.folder(work_of(request)) / RESULTS / "viewer.html"
    return _file(path, headers={"content-security-policy": VIEWER_POLICY})


async def download(request: Request) -> Response:
    work, kind = work_of(request), request.path_params["kind"]
    folder = studio_of(request).shelf.folder(work)
    name = "".join(c if c.isalnum() else "-" for c in work.title.encode("ascii", "ignore").decode()).strip("-")
    if kind in DOWNLOADS:
        found = next((file for file in DOWNLOADS[kind] if file in work.results), "none")
        return _file(folder / RESULTS / found, filename=f"{name or 'portrait'}{Path(found).suffix}")
    results = [folder / RESULTS / file for file in work.results]
    if kind == "obj":  # with its materials and pictures, or it opens untextured
        bases = ("portrait", "head") if "portrait.obj" in work.results else ("head",)
        chosen = [path for path in results if path.suffix in OBJ and path.stem == bases[0]]
        chosen += [path for path in results if path.name in ("texture.png", "shell.png")]
        entries = [(path, path.name) for path in chosen]
    elif kind == "zip":
        entries = [(path, f"results/{path.name}") for path in results]
        for role in ROLES:
            origin = folder / getattr(work, role).file
            entries += [(path, f"{role}{path.name[7:]}") for path in origin.parent.glob(f"{origin.name}*")]
        entries.append((folder / "work.json", "work.json"))
    else:
        entries = []
    if not results or not entries:
        raise ParameterError("There is no such file.")
    file = await to_thread.run_sync(_zipped, entries)
    label = f"{name or 'portrait'}{'-obj' if kind == 'obj' else ''}.zip"
    headers = {"content-disposition": f'attachment; filename="{label}"'}
    return StreamingResponse(_chunks(file), media_type="application/zip", headers=headers)


def _zipped(entries: list[tuple[Path, str]]) -> Any:
    file = tempfile.TemporaryFile()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, name in entries:
            archive.write(path, name)
    file.seek(0)
    return file


async def _chunks(file: Any) -> AsyncIterator[bytes]:
    with file:
        while chunk := await to_thread.run_sync(file.read, 1 << 20):
            yield chunk
