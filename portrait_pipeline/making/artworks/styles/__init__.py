"""One module per style; each has ``render(scene, rng) -> (S, S, 3) RGB in [0, 1]``."""
