"""``python -m portrait_pipeline.making.perception FOLDER... -o weights.safetensors``"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

from ...base.errors import PortraitError
from ...perception import weights
from .data import find_samples, load_sample
from .train import Options, plain_error, train

HELD_OUT = 20
"""Every 20th picture is kept from training, and its error told at the end."""


def main() -> int:
    """Train from folders; the state beside the output lets a broken run go on."""
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m portrait_pipeline.making.perception", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of pictures with .pts and .mask.png files")
    parser.add_argument("-o", "--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--steps", type=int, default=defaults.steps)
    parser.add_argument("--batch", type=int, default=defaults.batch)
    parser.add_argument("--rate", type=float, default=defaults.rate)
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    chosen = parser.parse_args()
    if min(chosen.steps, chosen.batch - 1) < 1 or not 0 < chosen.rate < 1:
        parser.error("steps must be at least 1, the batch at least 2, the rate between 0 and 1")
    try:
        samples = [load_sample(path) for path in find_samples(chosen.folders)]
        held_out = samples[HELD_OUT - 1 :: HELD_OUT]
        learnt = [sample for index, sample in enumerate(samples) if (index + 1) % HELD_OUT]
        print(f"{len(learnt)} pictures to learn from, {len(held_out)} held out, on {chosen.device}", flush=True)
        start = time.monotonic()

        def progress(step: int, terms: dict[str, float]) -> None:
            if step % 50 == 0 or step + 1 == chosen.steps:
                text = ", ".join(f"{name} {value:.3f}" for name, value in terms.items())
                print(f"step {step + 1} of {chosen.steps}, {time.monotonic() - start:.0f} s: {text}", flush=True)

        options = Options(steps=chosen.steps, batch=chosen.batch, rate=chosen.rate, seed=chosen.seed)
        state = chosen.output.with_name(chosen.output.name + ".state")
        network = train(learnt, options, chosen.device, state, progress)
        weights.write(chosen.output, network)
        state.unlink(missing_ok=True)
        if held_out:
            print(f"held out: {plain_error(network, held_out, chosen.device):.4f} of half the face's size")
    except PortraitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
