"""Colour profiles written byte by byte, so that tests know what is in them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""Red, green and blue of Display P3 in XYZ under D50."""
SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7139))


def rgb_profile(primaries: Sequence[Sequence[float]], name: str) -> bytes:
    """A display whose curves are sRGB's; primaries: XYZ of red, green and blue under D50."""
    curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    tags = {f"{letter}XYZ": b"XYZ " + bytes(4) + _fixed(*xyz) for letter, xyz in zip("rgb", primaries, strict=True)}
    tags |= {f"{letter}TRC": curve for letter in "rgb"}
    return _profile("RGB ", "XYZ ", "mntr", name, tags)


def cmyk_profile(lab: np.ndarray) -> bytes:
    """A printer: lab (2, 2, 2, 2, 3), the colour of no or full ink of cyan, magenta, yellow and black."""
    encoded = np.rint((lab + [0, 128, 128]) / [100, 255, 255] * 65280).astype(">u2").tobytes()  # Lab of version 2
    ramp = struct.pack(">HH", 0, 65535)
    table = b"mft2" + bytes(4) + bytes([4, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1) + struct.pack(">HH", 2, 2)
    return _profile("CMYK", "Lab ", "prtr", "inks", {"A2B0": table + ramp * 4 + encoded + ramp * 3})


def _profile(space: str, connection: str, kind: str, name: str, tags: dict[str, bytes]) -> bytes:
    text = name.encode() + b"\0"
    tags = {
        "desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78),
        "wtpt": b"XYZ " + bytes(4) + _fixed(*D50),
        **tags,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for key, data in tags.items():
        table += key.encode() + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">I4sI4s4s4s12x4s",
        start + len(body),
        b"",
        0x02400000,
        *(t.encode() for t in (kind, space, connection)),
        b"acsp",
    )
    header += bytes(28) + _fixed(*D50)
    return header.ljust(128, b"\0") + table + body


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
