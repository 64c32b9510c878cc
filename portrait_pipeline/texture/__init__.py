"""Stage ``texture``: multi-view optimisation of the texture (5, eqs. 11-13)."""
