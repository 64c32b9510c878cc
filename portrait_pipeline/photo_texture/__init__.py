"""Stage ``photo_texture``: the photo carried into the canonical texture (5)."""
