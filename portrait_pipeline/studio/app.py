"""The studio's web application: the page, its pictures, what it may ask for, and the stream of what happens."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import secrets
import tempfile
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from anyio import CapacityLimiter, to_thread
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from ..base.errors import InputFileError, OutputError, ParameterError, PortraitError
from ..base.images import FORMAT_NAMES, MAX_FILE_BYTES
from ..base.params import validate
from ..pipeline.params import Params, project_params
from ..samples.sources import PREFIX, resolve, sample_names
from .guard import VIEWER_POLICY, Guard
from .keep import keep_pair
from .making import Queue
from .works import EDITABLE, PICTURE, PREVIEW, RESULTS, ROLES, STAGES, Picture, Settings, Shelf, Work

ASSETS = Path(str(files(__package__) / "assets"))
FOLDER = Path("data", "studio")
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
_MAX_JSON = 64 * 1024
_THUMB = 320
_BEAT = 15.0  # seconds between signs of life on a stream


class Studio:
    """A project's works, the queue, and the pages that listen.

    Args:
        project: folder of params.yaml.
    """

    def __init__(self, project: Path) -> None:
        self.project = project
        self.shelf = Shelf(project / FOLDER)
        self.queue = Queue(project, self.shelf, self.tell)
        self.pages: set[asyncio.Queue[str]] = set()
        self.reader = CapacityLimiter(1)  # pictures are read one after the other: the network uses all cores

    def params(self) -> Params:
        """The project's, as they are now."""
        return project_params(self.project)

    def tell(self, work: Work) -> None:
        """Every page about a work."""
        self._send("work" if work.id in self.shelf.works else "gone", work.shown())

    def _send(self, event: str, data: Any) -> None:
        for page in self.pages:
            page.put_nowait(_event(event, data))

    def everything(self) -> dict[str, Any]:
        """What a page needs to begin with."""
        names, error = sample_names(), ""
        try:
            params = self.params()
        except PortraitError as wrong:  # somebody is editing params.yaml
            params, error = Params(pairs={}), str(wrong)
        return {
            "works": [work.shown() for work in self.shelf.works.values()],
            "samples": {"photo": names.photos, "art": names.artworks},
            "settings": _defaults(params).model_dump(),
            "stages": STAGES,
            "most": MAX_FILE_BYTES,
            "formats": FORMAT_NAMES,
            "error": error,
        }

    async def listen(self) -> AsyncIterator[str]:
        """Events for one page, beginning with all that is there."""
        page: asyncio.Queue[str] = asyncio.Queue()
        self.pages.add(page)
        try:
            yield _event("all", self.everything())
            while True:
                try:
                    event = await asyncio.wait_for(page.get(), _BEAT)
                except TimeoutError:
                    event = ": still here\n\n"
                if not event:
                    return
                yield event
        finally:
            self.pages.discard(page)

    def close(self) -> None:
        """End all streams, so that the server can end."""
        for page in self.pages:
            page.put_nowait("")

    async def read(self, work: Work, role: str, action: Callable[[], Picture | None]) -> None:
        """Set a picture of a work to what ``action`` makes of it, in a thread of its own; None: only its parts changed.

        Raises:
            PortraitError: of the action; the work stays as it was.
        """
        work.reading.add(role)
        self.tell(work)
        try:
            picture = await to_thread.run_sync(action, limiter=self.reader)
            before = getattr(work, role)
            version = before.version + 1 if before else 1
            setattr(work, role, replace(picture or before, version=version))
        finally:
            work.reading.discard(role)
            if work.id in self.shelf.works:
                self.shelf.save(work)
            self.tell(work)


def _event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _defaults(params: Params) -> Settings:
    return Settings(scale=params.deform.scale, beta=params.texture.beta, strength=params.texture.strength)


def application(studio: Studio, token: str, port: int) -> Guard:
    """A studio, to be served at ``http://127.0.0.1:<port>/<token>/``."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.studio = studio
        tasks = [asyncio.create_task(studio.queue.run()), asyncio.create_task(_warm(studio))]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    routes = [
        Route("/", page),
        Route("/page/{name}", page),
        Route("/events", events),
        Route("/samples/{name}", sample),
        Route("/works", create, methods=["POST"]),
        Route("/works/{id}/settings", settings, methods=["POST"]),
        Route("/works/{id}/make", make, methods=["POST"]),
        Route("/works/{id}/cancel", cancel, methods=["POST"]),
        Route("/works/{id}/keep", keep, methods=["POST"]),
        Route("/works/{id}/delete", delete, methods=["POST"]),
        Route("/works/{id}/preview", preview),
        Route("/works/{id}/portrait", portrait),
        Route("/works/{id}/thumb", thumb),
        Route("/works/{id}/viewer", viewer),
        Route("/works/{id}/download/{kind}", download),
        Route("/works/{id}/{role}", upload, methods=["PUT"]),
        Route("/works/{id}/{role}", change, methods=["POST"]),
        Route("/works/{id}/{role}/{what}", picture),
    ]
    app = Starlette(
        routes=[Mount(f"/{token}", routes=routes)],
        lifespan=lifespan,
        exception_handlers={PortraitError: _refused, Exception: _failed, 404: _refused},
    )
    return Guard(app, token, port)


async def _warm(studio: Studio) -> None:
    """Import what reads pictures, so that the first one does not wait for it."""

    def imports() -> None:
        from ..perception.weights import load

        load()

    await to_thread.run_sync(imports, limiter=studio.reader)


async def _refused(request: Request, error: Exception) -> Response:
    missing = not isinstance(error, PortraitError)
    return JSONResponse({"error": "There is no such thing here." if missing else str(error)}, 404 if missing else 422)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"error": f"Something went wrong in the studio ({type(error).__name__}); see its terminal."}, 500
    )


def _studio(request: Request) -> Studio:
    return request.app.state.studio


def _work(request: Request, editable: bool = False) -> Work:
    """The work that the address names: looked up, never taken for a path."""
    work = _studio(request).shelf.works.get(request.path_params["id"])
    if work is None:
        raise ParameterError("This portrait is not there any more.")
    if editable and work.state not in EDITABLE:
        raise ParameterError("This portrait is being made or made already; make a variation of it.")
    return work


def _role(request: Request) -> str:
    role = request.path_params["role"]
    if role not in ROLES:
        raise ParameterError("A portrait has a photo and an art.")
    return role


async def _body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body's chunks.

    Raises:
        InputFileError: it is longer than ``limit`` bytes.
    """
    total = 0
    if int(request.headers.get("content-length") or 0) <= limit:
        async for chunk in request.stream():
            total += len(chunk)
            if total > limit:
                break
            yield chunk
        else:
            return
    raise InputFileError(f"too large; the limit is {limit / 1e6:.3g} MB")


async def _json(request: Request) -> dict[str, Any]:
    text = b"".join([chunk async for chunk in _body(request, _MAX_JSON)])
    try:
        value = json.loads(text or b"{}")
    except ValueError as error:
        raise ParameterError(f"the page sent what is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ParameterError("the page sent no JSON object")
    return value


def _numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.array(value, float)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.shape != shape or not np.isfinite(array).all():
        raise ParameterError(f"the page sent no {' x '.join(map(str, shape))} finite numbers")
    return array


# The page


async def page(request: Request) -> Response:
    name = request.path_params.get("name", "studio.html")
    if name != "studio.html" and name not in _PAGE:
        raise ParameterError("There is no such file here.")
    return FileResponse(ASSETS / name)


async def events(request: Request) -> Response:
    return StreamingResponse(_studio(request).listen(), media_type="text/event-stream")


async def sample(request: Request) -> Response:
    source = resolve(f"{PREFIX}{request.path_params['name']}")
    return Response(await to_thread.run_sync(_thumb, source.path, 0), media_type="image/jpeg")


async def picture(request: Request) -> Response:
    work, role = _work(request), _role(request)
    shown, name = getattr(work, role), SHOWN.get(request.path_params["what"])
    if not (shown and name):
        raise ParameterError("There is no such picture.")
    return FileResponse((_studio(request).shelf.folder(work) / shown.file).with_name(name))


async def preview(request: Request) -> Response:
    return _file(_studio(request).shelf.folder(_work(request)) / PREVIEW)


async def portrait(request: Request) -> Response:
    return _file(_studio(request).shelf.folder(_work(request)) / RESULTS / PICTURE)


async def thumb(request: Request) -> Response:
    path = _studio(request).shelf.folder(_work(request)) / RESULTS / PICTURE
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


# What the page asks for


async def create(request: Request) -> Response:
    studio, wish = _studio(request), await _json(request)
    like = studio.shelf.works.get(str(wish.get("like", "")))
    chosen = like.settings if like else _defaults(studio.params())
    work = studio.shelf.add(chosen, like)
    studio.tell(work)
    return JSONResponse(work.shown())


async def upload(request: Request) -> Response:
    studio, work, role = _studio(request), _work(request, editable=True), _role(request)
    name = "".join(c for c in request.query_params.get("name", "")[-200:] if c.isprintable()) or "picture"
    folder, params = studio.shelf.folder(work), studio.params().landmarks
    temporary = folder / f".upload-{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            try:
                async for chunk in _body(request, MAX_FILE_BYTES):
                    file.write(chunk)
            except InputFileError as error:
                raise InputFileError(f"{name}: {error}, save a smaller copy") from error
        from .pictures import take

        await studio.read(work, role, lambda: take(folder / role, temporary, name, "", params))
    except ClientDisconnect:
        return Response(status_code=400)
    except OSError as error:
        raise OutputError(f"{name}: cannot be kept ({error.strerror}); free some space and try again") from error
    finally:
        temporary.unlink(missing_ok=True)
    return JSONResponse(work.shown())


async def change(request: Request) -> Response:
    """Choose a sample, place points, draw a box, or read the picture again."""
    studio, work, role, wish = _studio(request), _work(request, editable=True), _role(request), await _json(request)
    from . import pictures

    folder, params, now = studio.shelf.folder(work), studio.params().landmarks, getattr(work, role)
    if "sample" in wish:
        await studio.read(work, role, lambda: pictures.take_sample(folder / role, str(wish["sample"]), params))
        return JSONResponse(work.shown())
    if now is None:
        raise ParameterError("Choose a picture first.")
    path = folder / now.file
    if "points" in wish:
        points = _numbers(wish["points"], (68, 2))
        setattr(work, role, pictures.place(path, now, points))
        studio.shelf.save(work)
        studio.tell(work)
    elif "box" in wish:
        box = _numbers(wish["box"], (4,))

        def boxed() -> Picture:
            placed = pictures.place(path, now, pictures.points_in_box(path, box, params))
            pictures.refresh_parts(path, params)
            return placed

        await studio.read(work, role, boxed)
    elif "parts" in wish:
        await studio.read(work, role, lambda: pictures.refresh_parts(path, params))
    else:
        await studio.read(work, role, lambda: pictures.forget(path, now, params))
    return JSONResponse(work.shown())


async def settings(request: Request) -> Response:
    studio, work, wish = _studio(request), _work(request, editable=True), await _json(request)
    chosen = validate(Settings, work.settings.model_dump() | wish, "settings")
    project_params(studio.project, chosen.overrides())
    work.settings = chosen
    studio.shelf.save(work)
    studio.tell(work)
    return JSONResponse(work.shown())


async def make(request: Request) -> Response:
    studio, work = _studio(request), _work(request, editable=True)
    for role, name in (("photo", "photo"), ("art", "artwork")):
        shown = getattr(work, role)
        if shown is None:
            raise ParameterError(f"Choose the {name} first.")
        if not shown.points:
            raise ParameterError(f"{shown.name}: no face was found; draw a box around it first.")
    if work.reading:
        raise ParameterError("A picture is still being read; try again in a moment.")
    studio.queue.add(work)
    return JSONResponse(work.shown())


async def cancel(request: Request) -> Response:
    work = _work(request)
    _studio(request).queue.cancel(work)
    return JSONResponse(work.shown())


async def keep(request: Request) -> Response:
    studio, work, wish = _studio(request), _work(request), await _json(request)
    if not (work.photo and work.art):
        raise ParameterError("A pair has a photo and an artwork.")
    name = str(wish.get("name", ""))
    command = await to_thread.run_sync(keep_pair, studio.project / "params.yaml", work, studio.shelf.folder(work), name)
    work.pair = name
    studio.shelf.save(work)
    studio.tell(work)
    return JSONResponse({"command": command})


async def delete(request: Request) -> Response:
    studio, work = _studio(request), _work(request)
    if work.state in ("queued", "running"):
        raise ParameterError("This portrait is being made; cancel it first.")
    if work.reading:
        raise ParameterError("A picture is still being read; try again in a moment.")
    studio.shelf.remove(work)
    studio.tell(work)
    return JSONResponse({})


# Results


async def viewer(request: Request) -> Response:
    path = _studio(request).shelf.folder(_work(request)) / RESULTS / "viewer.html"
    return _file(path, headers={"content-security-policy": VIEWER_POLICY})


async def download(request: Request) -> Response:
    work, kind = _work(request), request.path_params["kind"]
    folder = _studio(request).shelf.folder(work)
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
