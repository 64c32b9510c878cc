"""A project's works, its queue, and the pages that are told of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, to_thread

from ..base.errors import ParameterError, PortraitError
from ..base.images import FORMAT_NAMES, MAX_FILE_BYTES
from ..pipeline.params import Params, project_params
from ..samples.sources import sample_names
from .making import Queue
from .works import EDITABLE, STAGES, Picture, Settings, Shelf, Work

FOLDER = Path("data", "studio")
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

    def _send(self, name: str, data: Any) -> None:
        for page in self.pages:
            page.put_nowait(event(name, data))

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
            "settings": defaults(params).model_dump(),
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
            yield event("all", self.everything())
            while True:
                try:
                    told = await asyncio.wait_for(page.get(), _BEAT)
                except TimeoutError:
                    told = ": still here\n\n"
                if not told:
                    return
                yield told
        finally:
            self.pages.discard(page)

    def close(self) -> None:
        """End all streams, so that the server can end."""
        for page in self.pages:
            page.put_nowait("")

    async def read(self, work: Work, role: str, action: Callable[[], Picture | None]) -> None:
        """Set a picture of a work to what ``action`` makes of it, in a thread of its own; None: only its parts changed.

        Raises:
            PortraitError: of the action, or the work has gone to the queue meanwhile; it stays as it was.
        """
        if work.state not in EDITABLE:
            raise ParameterError("This portrait is being made already.")
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


def event(name: str, data: Any) -> str:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def defaults(params: Params) -> Settings:
    """What a new portrait begins with."""
    return Settings(scale=params.deform.scale, beta=params.texture.beta, strength=params.texture.strength)
