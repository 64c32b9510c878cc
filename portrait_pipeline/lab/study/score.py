"""Scoring of the answers to a questionnaire: recognition rates as in the paper's Fig. 8, with 95 % intervals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...base.artifacts import write_json
from ...base.errors import InputFileError
from .answers import interval

KINDS = {"photo": "photos", "art": "artworks"}
MAX_BYTES = 2_000_000
_SHOWN = 40


def score_files(key: Path, answers: Sequence[Path], output: Path) -> dict[str, Any]:
    """Score the answers of all participants and write the result as JSON.

    ``photo_accuracy``, ``art_accuracy`` and the same of every question and participant are in per cent; the intervals
    are Wilson's at 95 % over single answers, taking them as independent.

    Raises:
        InputFileError: the key or an answer file is damaged, of another study, or of a participant that was read
            already; the message names the file.
        OutputError: the result cannot be written.
    """
    questions, study = _read_key(key)
    people: dict[str, tuple[str, list[dict[str, str]]]] = {}
    for path in answers:
        participant, name, given = _read_answers(path, study, questions)
        if participant in people:
            raise InputFileError(f"{path}: participant {participant} was read already; give each answer file once")
        people[participant] = name, given
    result = score(questions, people)
    write_json(output, {"study": study} | result)
    return result


def score(questions: list[dict[str, Any]], people: dict[str, tuple[str, list[dict[str, str]]]]) -> dict[str, Any]:
    """Recognition rates.

    Args:
        questions: of the key.
        people: participant to name (may be empty) and one answer a question: labels under ``photo`` and ``art``.
    """
    right = {
        participant: [
            {kind: row[kind] == question[kind] for kind in KINDS} for row, question in zip(rows, questions, strict=True)
        ]
        for participant, (_, rows) in people.items()
    }
    by_question = {}
    for index, question in enumerate(questions):
        by_question[f"{index + 1}"] = {"head": question["head"]} | _rates([rows[index] for rows in right.values()])
    return {
        **_rates([row for rows in right.values() for row in rows]),
        "participants": len(people),
        "questions": len(questions),
        "chance": {kind: 100 / len(questions[0][options]) for kind, options in KINDS.items()},
        "by_question": by_question,
        "by_participant": {who: {"name": people[who][0]} | _rates(rows) for who, rows in right.items()},
    }


def score_lines(result: dict[str, Any]) -> list[str]:
    """The result as a table for the terminal."""
    lines = [f"{'':34} {'photo % (95 %)':>22} {'art % (95 %)':>22}"]
    rows = [("all answers", result)]
    rows += [(f"{number}. {row['head']}", row) for number, row in result["by_question"].items()]
    rows += [(row["name"] or who, row) for who, row in result["by_participant"].items()]
    for name, row in rows:
        cells = []
        for kind in KINDS:
            low, high = row[f"{kind}_interval"]
            cells.append(f"{row[f'{kind}_accuracy']:5.1f} ({low:5.1f} to {high:5.1f})")
        lines.append(f"{_printable(name)[:34]:34} {cells[0]:>22} {cells[1]:>22}")
    lines.append(
        f"{result['participants']} participants, {result['questions']} questions, "
        f"chance {result['chance']['photo']:.0f} %"
    )
    return lines


def _rates(rows: list[dict[str, bool]]) -> dict[str, Any]:
    rates: dict[str, Any] = {}
    for kind in KINDS:
        count = sum(row[kind] for row in rows)
        rates[f"{kind}_accuracy"] = 100 * count / len(rows)
        rates[f"{kind}_interval"] = list(interval(count, len(rows)))
    return rates


def _read_key(path: Path) -> tuple[list[dict[str, Any]], str]:
    remedy = "give the key file that `portrait study write` made"
    value = _read_object(path, remedy)
    study, questions = value.get("study"), value.get("questions")
    if not isinstance(study, str) or not isinstance(questions, list) or not questions:
        raise InputFileError(f"{path}: has no study id and questions; {remedy}")
    for number, question in enumerate(questions, start=1):
        whole = (
            isinstance(question, dict)
            and isinstance(question.get("head"), str)
            and all(
                isinstance(question.get(options), dict)
                and isinstance(question.get(kind), str)
                and question[kind] in question[options]
                for kind, options in KINDS.items()
            )
        )
        if not whole:
            raise InputFileError(f"{path}: question {number} is damaged; {remedy}")
    return questions, study


def _read_answers(path: Path, study: str, questions: list[dict[str, Any]]) -> tuple[str, str, list[dict[str, str]]]:
    """Participant, name and one answer a question in the order of the key."""
    remedy = "ask the participant to save the answers again"
    value = _read_object(path, remedy)
    if value.get("study") != study:
        raise InputFileError(
            f"{path}: answers study {_shown(value.get('study'))}, the key is of {study}; give the key of that study"
        )
    participant, name, rows = value.get("participant"), value.get("name", ""), value.get("answers")
    if not isinstance(participant, str) or not participant.strip() or not isinstance(name, str):
        raise InputFileError(f"{path}: has no participant; {remedy}")
    if not isinstance(rows, list) or len(rows) != len(questions):
        found = len(rows) if isinstance(rows, list) else "no"
        raise InputFileError(f"{path}: has {found} answers, the study has {len(questions)} questions; {remedy}")
    given: dict[int, dict[str, str]] = {}
    for row in rows:
        number = row.get("question") if isinstance(row, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= len(questions):
            raise InputFileError(f"{path}: question {_shown(number)} is not one of 1 to {len(questions)}; {remedy}")
        if number in given:
            raise InputFileError(f"{path}: question {number} is answered twice; {remedy}")
        for kind, options in KINDS.items():
            labels = list(questions[number - 1][options])
            if row.get(kind) not in labels:
                raise InputFileError(
                    f"{path}: question {number} has {kind} {_shown(row.get(kind))}, expected one of "
                    f"{', '.join(labels)}; {remedy}"
                )
        given[number] = {kind: row[kind] for kind in KINDS}
    return participant, name, [given[number] for number in range(1, len(questions) + 1)]


def _read_object(path: Path, remedy: str) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputFileError(f"{path}: is larger than {MAX_BYTES // 1_000_000} MB; {remedy}")
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InputFileError(f"{path}: no such file; mend the path") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(f"{path}: cannot be read as JSON ({' '.join(str(error).split())}); {remedy}") from error
    if not isinstance(value, dict):
        raise InputFileError(f"{path}: holds no JSON object; {remedy}")
    return value


def _shown(value: object) -> str:
    text = _printable(repr(value))
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _printable(text: str) -> str:
    """Without control characters: names come from strangers."""
    return "".join(character if character.isprintable() else "?" for character in text)
