"""Stage ``fit``: the morphable head fitted to 68 points (4.2)."""
