"""One portrait, made in a process of its own: cancelling it, or its crash, touches nothing else.

``python -m portrait_pipeline.studio.job PROJECT FOLDER`` reads ``work.json`` in the folder, writes ``results/`` and
tells what it does, a JSON object a line on standard output. It ends when standard input does, that is, with the server.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.artifacts import read_json
from ..base.errors import PortraitError
from ..pipeline.params import project_params
from .works import PAPER, PICTURE, PREVIEW, RESULTS, ROLES, Settings, title


def make(project: Path, folder: Path, tell: Callable[..., None]) -> None:
    """Make the portrait of a work's folder; ``tell`` receives what is to be told, as keywords.

    Raises:
        PortraitError: any user error; ``results/`` is not there then.
    """
    work = read_json(folder / "work.json")
    settings = Settings.model_validate(work["settings"])
    params = project_params(project, settings.overrides())

    import numpy as np

    from ..animation.pose import Pose, posed_parts
    from ..base.images import save_image
    from ..export.contact_sheet import tight_frame
    from ..head.model import head_model
    from ..mesh.pictures import Scene
    from ..pipeline.networks import load_networks
    from ..pipeline.portrait import make_portrait
    from .preview import VIEW, watched

    def progress(step: int, total: int, losses: Mapping[str, float]) -> None:
        style = losses["emd"] + losses["moments"] + losses["colour"]
        tell(step=step, total=total, style=round(style, 5), content=round(losses["content"], 5))

    pictures = {str(folder / work[role]["file"]): work[role]["name"] for role in ROLES}

    def notify(line: str) -> None:
        for path, name in pictures.items():
            line = line.replace(path, name)
        tell(line=line)

    networks, model = load_networks(project), head_model(params.fit.model, project)
    tell(line="networks")
    portrait = make_portrait(
        *map(Path, pictures),
        params,
        networks,
        model,
        notify,
        progress,
        with_shell=settings.shell,
        work=watched(folder / PREVIEW, lambda: tell(preview=True)),
    )
    unfinished = folder / f".{RESULTS}"
    shutil.rmtree(unfinished, ignore_errors=True)
    replace(portrait, title=title(work["photo"]["name"], work["art"]["name"])).write(unfinished, params.export)
    rig = portrait.rig
    parts = [(part.mesh, part.texture) for part in posed_parts(rig, Pose(rig.expression))]
    frame = tight_frame(np.concatenate([mesh.vertices for mesh, _ in parts]), [VIEW])
    save_image(unfinished / PICTURE, Scene(parts).picture(VIEW, frame, 1080, PAPER))
    shutil.rmtree(folder / RESULTS, ignore_errors=True)
    unfinished.rename(folder / RESULTS)
    tell(line="export")


def main() -> None:
    project, folder = map(Path, sys.argv[1:])
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log

    def tell(**what: Any) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    def follow_server() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=follow_server, daemon=True).start()
    try:
        make(project, folder, tell)
    except PortraitError as error:
        tell(error=str(error).replace(f"{folder}/", ""))
        sys.exit(1)


if __name__ == "__main__":
    main()
