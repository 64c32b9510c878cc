"""Stage ``fid``: translations held against real art by the Frechet distance (6.1)."""
