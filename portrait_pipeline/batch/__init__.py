"""``portrait batch``: a table of photos and artworks, each row a portrait; in one process or on Ray."""
