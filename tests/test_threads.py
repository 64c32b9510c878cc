"""The same bits whatever the number of threads, from the picture to the heads that move."""

from __future__ import annotations

import json
import os
import subprocess
import sys

OVERRIDES = (
    "landmarks.max_side=300",
    "photo_texture.size=128",
    "shell.size=128",
    "shell.density=0.6",
    "texture.scales=[64]",
    "texture.iterations=[2]",
    "texture.views=2",
    "texture.surround=1",
    "texture.points=128",
)
CODE = """
import hashlib, json, sys
from dataclasses import fields
import numpy as np
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.pipeline.networks import load_networks
from portrait_pipeline.pipeline.params import Params, with_overrides
from portrait_pipeline.pipeline.portrait import make_portrait
from portrait_pipeline.samples.sources import resolve
from pathlib import Path

def digest(record):
    found = hashlib.sha256()
    for field in fields(record):
        value = getattr(record, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            found.update(np.ascontiguousarray(item).tobytes() if isinstance(item, np.ndarray) else repr(item).encode())
    return found.hexdigest()[:16]

photo, art = (resolve(f"sample:{name}").path for name in ("astronaut", "oil_strokes"))
params = with_overrides(Params(pairs={}), sys.argv[1:])
made = make_portrait(photo, art, params, load_networks(Path(sys.prefix)), load_bundled_model())
names = ("located", "fitted", "translated", "photo_texture", "stylised", "rig", "photo_rig")
print(json.dumps({name: digest(getattr(made, name)) for name in names}))
"""


def digests(threads: int) -> dict[str, str]:
    environment = os.environ | {f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")}
    environment["OPENBLAS_CORETYPE"] = "Haswell"  # its kernels cut sums by the number of threads; others may not
    done = subprocess.run(
        [sys.executable, "-c", CODE, *OVERRIDES], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_one_thread_and_two_give_the_same_bits() -> None:
    """Points and parts, fit, translation, textures, shell, and the rigs of both heads."""
    one, two = digests(1), digests(2)
    assert [name for name in one if one[name] != two[name]] == []
