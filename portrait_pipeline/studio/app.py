"""The studio's web application: its addresses, what runs beside them, and how it refuses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from ..base.errors import PortraitError
from . import changing, showing
from .guard import Guard
from .studio import Studio


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
        Route("/", showing.page),
        Route("/page/{name}", showing.page),
        Route("/events", showing.events),
        Route("/samples/{name}", showing.sample),
        Route("/works", changing.create, methods=["POST"]),
        Route("/works/{id}/settings", changing.settings, methods=["POST"]),
        Route("/works/{id}/make", changing.make, methods=["POST"]),
        Route("/works/{id}/cancel", changing.cancel, methods=["POST"]),
        Route("/works/{id}/keep", changing.keep, methods=["POST"]),
        Route("/works/{id}/delete", changing.delete, methods=["POST"]),
        Route("/works/{id}/preview", showing.preview),
        Route("/works/{id}/portrait", showing.portrait),
        Route("/works/{id}/thumb", showing.thumb),
        Route("/works/{id}/viewer", showing.viewer),
        Route("/works/{id}/download/{kind}", showing.download),
        Route("/works/{id}/{role}", changing.upload, methods=["PUT"]),
        Route("/works/{id}/{role}", changing.change, methods=["POST"]),
        Route("/works/{id}/{role}/{what}", showing.picture),
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
        from . import pictures

        pictures.load()

    await to_thread.run_sync(imports, limiter=studio.reader)


async def _refused(request: Request, error: Exception) -> Response:
    missing = not isinstance(error, PortraitError)
    return JSONResponse({"error": "There is no such thing here." if missing else str(error)}, 404 if missing else 422)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse(
        {"error": f"Something went wrong in the studio ({type(error).__name__}); see its terminal."}, 500
    )
