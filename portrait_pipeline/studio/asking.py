"""What a request says: checked before anything is done with it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from starlette.requests import Request

from ..base.errors import InputFileError, ParameterError
from .studio import Studio
from .works import EDITABLE, ROLES, Work

_MAX_JSON = 64 * 1024


def studio_of(request: Request) -> Studio:
    """The studio that is asked."""
    return request.app.state.studio


def work_of(request: Request, editable: bool = False) -> Work:
    """The work that the address names: looked up, never taken for a path.

    Raises:
        ParameterError: there is none, or ``editable`` and it is being made or made.
    """
    work = studio_of(request).shelf.works.get(request.path_params["id"])
    if work is None:
        raise ParameterError("This portrait is not there any more.")
    if editable and work.state not in EDITABLE:
        raise ParameterError("This portrait is being made or made already; make a variation of it.")
    return work


def role_of(request: Request) -> str:
    """Photo or art, as the address says.

    Raises:
        ParameterError: neither.
    """
    role = request.path_params["role"]
    if role not in ROLES:
        raise ParameterError("A portrait has a photo and an art.")
    return role


async def body(request: Request, limit: int) -> AsyncIterator[bytes]:
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


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object that the page sent.

    Raises:
        ParameterError: it is none. InputFileError: it is too long.
    """
    text = b"".join([chunk async for chunk in body(request, _MAX_JSON)])
    try:
        value = json.loads(text or b"{}")
    except ValueError as error:
        raise ParameterError(f"the page sent what is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ParameterError("the page sent no JSON object")
    return value


def numbers(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Finite numbers of a shape.

    Raises:
        ParameterError: they are not.
    """
    try:
        array = np.array(value, float)
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.shape != shape or not np.isfinite(array).all():
        raise ParameterError(f"the page sent no {' x '.join(map(str, shape))} finite numbers")
    return array
