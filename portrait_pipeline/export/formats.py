"""What can be written of a portrait, without importing anything that writes it."""

FORMATS = ("glb", "obj", "rig", "viewer", "turntable", "sheet")
"""See :func:`.results.write_results`."""
