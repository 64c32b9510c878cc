"""The perceptual study for people: one HTML page that works offline, and a key that stays with the asker.

The page shows each head in three views above five photos and five artworks; the answers are saved as a JSON file by
the participant's browser and scored by :mod:`.study_score`. Nothing in the page tells right from wrong: pictures are
stored without names in the order of their contents, and options stand in seeded random order.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ...base.artifacts import atomic_path, write_json
from ...base.errors import OutputError, ParameterError
from ...export.contact_sheet import tight_frame
from ...mesh.render import render
from ...regions.labels import head_polygon
from .answers import AZIMUTH, Candidates, Portrait, Study, StyledHead, study_views

MAX_CHOICES = 9
"""Photos are chosen by the keys 1 to 9, artworks by A to I."""
_RENDER_SIDE, _OPTION_SIDE = 440, 300
_PAPER = (255, 255, 255)


@dataclass(frozen=True)
class Questionnaire:
    """A page and the key to its answers.

    Attributes:
        page: HTML.
        key: ``study`` (id), ``title``, ``seed`` and ``questions``, each with ``head``, the right labels ``photo``
            and ``art``, and ``photos`` and ``artworks``: label to name of every option.
    """

    page: str
    key: dict[str, Any]


def photo_labels(choices: int) -> list[str]:
    """1, 2, 3 ..."""
    return [str(index + 1) for index in range(choices)]


def art_labels(choices: int) -> list[str]:
    """A, B, C ..."""
    return [chr(ord("A") + index) for index in range(choices)]


def build_questionnaire(
    study: Study, candidates: Candidates, title: str, seed: int, azimuth: float = AZIMUTH
) -> Questionnaire:
    """Make page and key; equal input gives equal output.

    Args:
        candidates: photos and artworks of each question, the right one first; at most 9.
        title: heading of the page; any text, it is escaped.
        seed: of the order of questions and options.

    Raises:
        ParameterError: more choices than there are keys for.
    """
    choices = candidates.photos.shape[1]
    if choices > MAX_CHOICES:
        raise ParameterError(f"choices is {choices}: a questionnaire has at most {MAX_CHOICES}; give fewer choices")
    rng = np.random.default_rng(seed)
    questions, entries, uris = [], [], {}
    for index in rng.permutation(len(study.heads)):
        head = study.heads[index]
        photos, artworks = rng.permutation(candidates.photos[index]), rng.permutation(candidates.artworks[index])
        for kind, pool, chosen in (("photo", study.photos, photos), ("art", study.artworks, artworks)):
            for place in chosen:
                if (kind, place) not in uris:
                    uris[kind, place] = _uri(crop_portrait(pool[place]))
        questions.append(
            {
                "views": _views(head, azimuth),
                "photos": [uris["photo", place] for place in photos],
                "artworks": [uris["art", place] for place in artworks],
            }
        )
        entries.append(_entry(head, study, photos, artworks))
    content = json.dumps([title, seed, questions, entries])
    key = {
        "study": hashlib.sha256(content.encode()).hexdigest()[:12],
        "title": title,
        "seed": seed,
        "questions": entries,
    }
    return Questionnaire(_page(key["study"], title, questions), key)


def write_questionnaire(page: Path, key: Path, questionnaire: Questionnaire) -> None:
    """Write both files, each replaced atomically.

    Raises:
        OutputError: they are one file, or the disk refuses.
    """
    if page.resolve() == key.resolve():
        raise OutputError(f"{page}: is named for both the page and its key; give another --key")
    write_json(key, questionnaire.key)
    with atomic_path(page) as temporary:
        temporary.write_text(questionnaire.page, encoding="utf-8")


def crop_portrait(portrait: Portrait, side: int = _OPTION_SIDE) -> np.ndarray:
    """A square about head and hair, (side, side, 3) uint8: all options show their face equally large.

    Where the square passes the picture's border it is moved inside, or reduced if the picture is smaller.
    """
    height, width = portrait.image.shape[:2]
    polygon = head_polygon(portrait.points)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    length = min(1.35 * float((high - low).max()), height, width)
    corner = np.clip((low + high) / 2 - length / 2, 0, np.array([width, height]) - length)
    length = max(1, round(length))
    left, top = np.minimum(np.rint(corner).astype(int), np.array([width, height]) - length)
    square = portrait.image[top : top + length, left : left + length]
    method = cv2.INTER_AREA if length > side else cv2.INTER_CUBIC
    return cv2.resize(square, (side, side), interpolation=method)


def _views(head: StyledHead, azimuth: float) -> list[str]:
    """Left, front and right view in one frame."""
    views = study_views(azimuth)
    frame = tight_frame(head.mesh.vertices, list(views.values()), margin=0.03)
    order = [views[name] for name in ("left", "front", "right")]
    return [_uri(render(head.mesh, head.texture, view, frame, _RENDER_SIDE, _PAPER)) for view in order]


def _entry(head: StyledHead, study: Study, photos: np.ndarray, artworks: np.ndarray) -> dict[str, Any]:
    numbers, letters = photo_labels(len(photos)), art_labels(len(artworks))
    return {
        "head": head.name,
        "photo": numbers[int(np.flatnonzero(photos == head.photo)[0])],
        "art": letters[int(np.flatnonzero(artworks == head.art)[0])],
        "photos": {label: study.photos[place].name for label, place in zip(numbers, photos, strict=True)},
        "artworks": {label: study.artworks[place].name for label, place in zip(letters, artworks, strict=True)},
    }


def _uri(image: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=88, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _page(study: str, title: str, questions: Sequence[dict[str, list[str]]]) -> str:
    kinds = ("views", "photos", "artworks")
    # Each picture once; sorted, so that its number says nothing about the question it was made for.
    pictures = sorted({uri for question in questions for kind in kinds for uri in question[kind]})
    place = {uri: index for index, uri in enumerate(pictures)}
    data = {
        "study": study,
        "pictures": pictures,
        "questions": [{kind: [place[uri] for uri in question[kind]] for kind in kinds} for question in questions],
    }
    template = (files(__package__) / "assets" / "questionnaire.html").read_text(encoding="utf-8")
    # "<" is escaped because "</script>" would end the data; split first, so that no user's text is searched
    # for place holders.
    before, after = template.split("%%DATA%%")
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    title = html.escape(title)
    return before.replace("%%TITLE%%", title) + text + after.replace("%%TITLE%%", title)
