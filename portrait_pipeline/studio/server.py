"""``portrait studio``: the server on this machine alone."""

from __future__ import annotations

import os
import secrets
import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..base.errors import MissingDependencyError, OutputError, ParameterError

HOST = "127.0.0.1"
INSTALL = 'pip install -e ".[studio]"'


def open_studio(project: Path, port: int, browse: bool, notify: Callable[[str], None]) -> None:
    """Serve the studio of a project until it is interrupted.

    The token in the address lies in ``data/studio/token``, readable by its owner alone, so that a page that is open
    finds the studio again after a restart.

    Args:
        port: 0 chooses a free one. browse: open the page in the user's browser. notify: receives the address.

    Raises:
        PortraitError: the extra is not installed, the port is taken, another studio has the project, or its
            params.yaml is bad.
    """
    try:
        import uvicorn
        from filelock import FileLock, Timeout

        from .app import application
        from .studio import Studio
    except ModuleNotFoundError as error:
        if error.name not in ("uvicorn", "filelock", "starlette", "anyio"):
            raise
        raise MissingDependencyError(f"portrait studio needs the package {error.name}: {INSTALL}") from error
    project = project.resolve()
    if not project.is_dir():
        raise ParameterError(f"--project {project}: no such folder")
    studio = Studio(project)
    studio.params()
    folder = studio.shelf.root
    try:
        lock = FileLock(folder / "lock").acquire(timeout=0)
    except Timeout:
        raise ParameterError(f"{folder}: a studio of this project is open already; use that one, or close it") from None
    with lock, _bound(port) as listening:
        port = listening.getsockname()[1]
        token = _token(folder / "token")
        config = uvicorn.Config(
            application(studio, token, port),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        address = f"http://{HOST}:{port}/{token}/"
        notify(f"The studio is open at {address}\nEnd it with Ctrl-C.")
        if browse:
            webbrowser.open(address)

        class Server(uvicorn.Server):
            def handle_exit(self, *signal: Any) -> None:
                studio.close()
                super().handle_exit(*signal)

        with suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listening])


def _bound(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # from here on a browser waits until it is answered
    except OSError as error:
        listening.close()
        raise ParameterError(f"--port is {port}: {error.strerror}; choose another, or 0 for a free one") from error
    return listening


def _token(path: Path) -> str:
    """The project's token, made at its first opening."""
    try:
        token = path.read_text(encoding="ascii").strip()
        if len(token) >= 32:
            return token
    except (OSError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(24)
    try:
        path.unlink(missing_ok=True)
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(token)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror})") from error
    return token
