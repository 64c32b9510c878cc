"""The queue: one portrait after the other, each in a process of its own (:mod:`.job`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ..base.errors import PortraitError
from .works import LOG, PREVIEW, RESULTS, STAGES, Shelf, Work, now

_PATIENCE = 3.0  # seconds from asking a process to end to ending it
_CURVE = 160  # points of the losses that are kept for the page
_BEAT = 2.0  # seconds between two reports of steps to the pages: each is drawn, by the same cores as the portrait
_LINE = 2**20  # bytes of one report at most


class Queue:
    """Makes what is in the queue.

    Args:
        project: whose params.yaml and networks are used.
        tell: receives a work whenever something about it has changed.
    """

    def __init__(self, project: Path, shelf: Shelf, tell: Callable[[Work], None]) -> None:
        self.project, self.shelf, self.tell = project, shelf, tell
        self.more = asyncio.Event()
        self.running: tuple[Work, asyncio.subprocess.Process] | None = None
        self.cancelled: set[str] = set()
        self.due = 0.0

    async def run(self) -> None:
        """For ever; when it is cancelled, so is the process, and its work is interrupted."""
        self.more.set()
        while True:
            await self.more.wait()
            self.more.clear()
            while waiting := self.shelf.waiting():
                try:
                    await self._make(waiting[0])
                except (OSError, ValueError, PortraitError) as error:
                    waiting[0].state, waiting[0].message = "failed", f"The studio could not make it: {error}"
                    self.tell(waiting[0])

    def add(self, work: Work) -> None:
        """Put a work at the end."""
        work.state, work.asked, work.message, work.progress = "queued", now(), "", {}
        self._changed(work)
        self.more.set()

    def cancel(self, work: Work) -> None:
        """Take a work out, or end its making."""
        if work.state == "queued":
            work.state = "cancelled"
            self._changed(work)
        elif work.state == "running":
            self.cancelled.add(work.id)
            if self.running:  # else it is being started, and ended then
                self.running[1].terminate()

    async def _make(self, work: Work) -> None:
        folder, began = self.shelf.folder(work), time.monotonic()
        (folder / PREVIEW).unlink(missing_ok=True)
        self.cancelled.discard(work.id)
        work.state, work.progress = "running", {"stage": "networks", "done": [], "notes": [], "curve": [], "picture": 0}
        self._changed(work)
        with (folder / LOG).open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "portrait_pipeline.studio.job",
                str(self.project),
                str(folder),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                limit=_LINE,
            )
        self.running = work, process
        if work.id in self.cancelled:
            process.terminate()
        try:
            async for line in process.stdout:
                self._hear(work, json.loads(line))
            await process.wait()
        except asyncio.CancelledError:
            work.state, work.message = "interrupted", "The studio was closed while this portrait was being made."
            raise
        finally:
            await _ended(process)
            self.running = None
            if work.state == "running":
                self._conclude(work, process.returncode)
            work.seconds = round(time.monotonic() - began, 1)
            work.progress = {}
            if work.id in self.shelf.works:
                self._changed(work)

    def _hear(self, work: Work, told: dict) -> None:
        """Take one report of the process into the progress."""
        progress = work.progress
        if "line" in told:
            stage = told["line"].split(":")[0]
            if stage in STAGES:
                progress["done"] = [*progress["done"], stage]
                progress["stage"] = next((name for name in STAGES if name not in progress["done"]), stage)
            else:
                progress["notes"] = [*progress["notes"], told["line"]]
        elif "step" in told:
            progress["step"], progress["total"] = told["step"], told["total"]
            every = max(1, told["total"] // _CURVE)
            if told["step"] % every == 0 or told["step"] == told["total"]:
                progress["curve"] = [*progress["curve"], [told["step"], told["style"], told["content"]]]
            if time.monotonic() < self.due:
                return
        elif "preview" in told:
            progress["picture"] += 1
        elif "error" in told:
            work.message = told["error"]
        self.due = time.monotonic() + _BEAT
        self.tell(work)

    def _conclude(self, work: Work, status: int) -> None:
        folder = self.shelf.folder(work)
        if status == 0:
            work.state = "done"
            work.results = sorted(path.name for path in (folder / RESULTS).iterdir())
        elif work.id in self.cancelled:
            work.state = "cancelled"
        else:
            work.state = "failed"
            work.message = work.message or _crash(folder / LOG, status)

    def _changed(self, work: Work) -> None:
        self.shelf.save(work)
        self.tell(work)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process: gently, then not."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(process.wait()), _PATIENCE)
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _crash(log: Path, status: int) -> str:
    """One line about a process that ended without saying why."""
    text = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    how = f"it was ended by {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    return (
        f"The making stopped unexpectedly ({how}){': ' + text[-1][:300] if text else ''}; see {log.name} and try again."
    )
