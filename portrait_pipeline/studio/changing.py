"""What the page may ask for: works, their pictures and settings, the queue."""

from __future__ import annotations

import secrets
from importlib import import_module
from types import ModuleType

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ..base.errors import InputFileError, OutputError, ParameterError
from ..base.images import MAX_FILE_BYTES
from ..base.params import validate
from ..pipeline.params import project_params
from .asking import body, json_of, numbers, role_of, studio_of, work_of
from .keep import keep_pair
from .studio import defaults
from .works import Picture, Settings


async def _pictures() -> ModuleType:
    """The module that reads pictures, imported beside the loop: PyTorch takes seconds."""
    return await to_thread.run_sync(import_module, f"{__package__}.pictures")


async def create(request: Request) -> Response:
    studio, wish = studio_of(request), await json_of(request)
    like = studio.shelf.works.get(str(wish.get("like", "")))
    chosen = like.settings if like else defaults(studio.params())
    work = studio.shelf.add(chosen, like)
    studio.tell(work)
    return JSONResponse(work.shown())


async def upload(request: Request) -> Response:
    studio, work, role = studio_of(request), work_of(request, editable=True), role_of(request)
    name = "".join(c for c in request.query_params.get("name", "")[-200:] if c.isprintable()) or "picture"
    folder, params = studio.shelf.folder(work), studio.params().landmarks
    temporary = folder / f".upload-{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            try:
                async for chunk in body(request, MAX_FILE_BYTES):
                    file.write(chunk)
            except InputFileError as error:
                raise InputFileError(f"{name}: {error}, save a smaller copy") from error
        pictures = await _pictures()
        await studio.read(work, role, lambda: pictures.take(folder / role, temporary, name, "", params))
    except ClientDisconnect:
        return Response(status_code=400)
    except OSError as error:
        raise OutputError(f"{name}: cannot be kept ({error.strerror}); free some space and try again") from error
    finally:
        temporary.unlink(missing_ok=True)
    return JSONResponse(work.shown())


async def change(request: Request) -> Response:
    """Choose a sample, place points, draw a box, or read the picture again."""
    studio, work, role = studio_of(request), work_of(request, editable=True), role_of(request)
    wish, pictures = await json_of(request), await _pictures()
    folder, params, now = studio.shelf.folder(work), studio.params().landmarks, getattr(work, role)
    if "sample" in wish:
        await studio.read(work, role, lambda: pictures.take_sample(folder / role, str(wish["sample"]), params))
        return JSONResponse(work.shown())
    if now is None:
        raise ParameterError("Choose a picture first.")
    path = folder / now.file
    if "points" in wish:
        points = numbers(wish["points"], (68, 2))
        setattr(work, role, pictures.place(path, now, points))
        studio.shelf.save(work)
        studio.tell(work)
    elif "box" in wish:
        box = numbers(wish["box"], (4,))

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
    studio, work, wish = studio_of(request), work_of(request, editable=True), await json_of(request)
    chosen = validate(Settings, work.settings.model_dump() | wish, "settings")
    project_params(studio.project, chosen.overrides())
    work.settings = chosen
    studio.shelf.save(work)
    studio.tell(work)
    return JSONResponse(work.shown())


async def make(request: Request) -> Response:
    studio, work = studio_of(request), work_of(request, editable=True)
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
    work = work_of(request)
    studio_of(request).queue.cancel(work)
    return JSONResponse(work.shown())


async def keep(request: Request) -> Response:
    studio, work, wish = studio_of(request), work_of(request), await json_of(request)
    if not (work.photo and work.art):
        raise ParameterError("A pair has a photo and an artwork.")
    name = str(wish.get("name", ""))
    command = await to_thread.run_sync(keep_pair, studio.project / "params.yaml", work, studio.shelf.folder(work), name)
    work.pair = name
    studio.shelf.save(work)
    studio.tell(work)
    return JSONResponse({"command": command})


async def delete(request: Request) -> Response:
    studio, work = studio_of(request), work_of(request)
    if work.state in ("queued", "running"):
        raise ParameterError("This portrait is being made; cancel it first.")
    if work.reading:
        raise ParameterError("A picture is still being read; try again in a moment.")
    studio.shelf.remove(work)
    studio.tell(work)
    return JSONResponse({})
