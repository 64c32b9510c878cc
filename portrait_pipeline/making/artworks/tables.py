"""The literal tables of the drawings: sitters, hair, anchors, the planes of the face (assets/cast.json)."""

import json
from importlib.resources import files
from typing import Any

TABLES: dict[str, Any] = json.loads((files(__package__) / "assets" / "cast.json").read_text(encoding="utf-8"))
