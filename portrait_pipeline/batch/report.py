"""What a batch leaves beside its rows: batch.csv, failures.csv and a page of thumbnails."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from ..base.artifacts import atomic_path
from .folder import RECORD
from .maker import THUMB, Made
from .table import Failure, Row

_PAGES = (
    "viewer.html",
    "contact_sheet.png",
    "portrait.glb",
    "head.glb",
)  # what a thumbnail leads to, the first there is
_SHOWN = ("style_loss", "content_loss", "fit_inner_error", "photo_doubt", "art_doubt")


def write_report(folder: Path, rows: Sequence[Row], made: Collection[Made], failures: Sequence[Failure]) -> None:
    """Write the tables and the page; rows that are still to be made are in none of them.

    Raises:
        OutputError: the disk refuses.
    """
    order = {row.name: place for place, row in enumerate(rows)}
    made = sorted(made, key=lambda item: order[item.row.name])
    failures = sorted(failures, key=lambda item: item.number)
    lines = [_line(item) for item in made]
    columns = list(dict.fromkeys(key for line in lines for key in line)) or ["number", "name", "photo", "art"]
    _write(folder / "batch.csv", _csv(columns, ([line.get(key, "") for key in columns] for line in lines)))
    heading = ["number", "name", "photo", "art", "message"]
    _write(folder / "failures.csv", _csv(heading, ([getattr(item, name) for name in heading] for item in failures)))
    _write(folder / "index.html", page(made, failures))


def _line(item: Made) -> dict[str, object]:
    record = item.record
    line: dict[str, object] = {
        "number": item.row.number,
        "name": item.row.name,
        "photo": record["photo"],
        "art": record["art"],
        "parameters": " ".join(record["parameters"]),
        **record["metrics"],
        **{f"seconds_{name}": value for name, value in record["seconds"].items()},
        "remarks": "; ".join(record["remarks"]),
    }
    return {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in line.items()}


def _csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(made: Sequence[Made], failures: Sequence[Failure]) -> str:
    """index.html: works offline, and every text from the table is escaped."""
    template = Template((files(__package__) / "assets" / "index.html").read_text(encoding="utf-8"))
    cards = [*map(_card, made), *map(_failed, failures)]
    sorts = "".join(f'<option value="{name}">{name.replace("_", " ")}</option>' for name in _SHOWN)
    return template.substitute(cards="\n".join(cards), made=len(made), failed=len(failures), sorts=sorts)


def _card(item: Made) -> str:
    record, name = item.record, escape(item.row.name)
    link = next((page for page in _PAGES if page in record["files"]), RECORD)
    words = " ".join([item.row.name, record["photo"], record["art"], *record["parameters"], *record["remarks"]])
    values = "".join(f' data-{key.replace("_", "-")}="{record["metrics"][key]:.4g}"' for key in _SHOWN)
    state = "doubtful" if record["remarks"] else "made"
    notes = "".join(f"<p class=note>{escape(line)}</p>" for line in record["remarks"])
    parameters = f"<p>{escape(' '.join(record['parameters']))}</p>" if record["parameters"] else ""
    return (
        f'<li class="{state}" data-number="{item.row.number}" data-words="{escape(words.lower())}"{values}>'
        f'<a href="{name}/{link}"><img loading="lazy" width="800" height="200" src="{name}/{THUMB}" '
        f'alt="photo, artwork and portrait of {name}"></a>'
        f"<h2>{name}</h2><p>{escape(record['photo'])} &times; {escape(record['art'])}</p>{parameters}{notes}</li>"
    )


def _failed(item: Failure) -> str:
    name = escape(item.name or f"row {item.number}")
    words = escape(" ".join([item.name, item.photo, item.art, item.message]).lower())
    return (
        f'<li class="failed" data-number="{item.number}" data-words="{words}"><h2>{name}</h2>'
        f"<p>{escape(item.photo)} &times; {escape(item.art)}</p><p class=note>{escape(item.message)}</p></li>"
    )
