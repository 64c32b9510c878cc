"""The questionnaire in real headless Chromium, answered as a participant does, and its scorer."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from portrait_pipeline.base.errors import OutputError, ParameterError
from portrait_pipeline.head.model import load_bundled_model
from portrait_pipeline.lab.__main__ import main
from portrait_pipeline.lab.study import questionnaire
from portrait_pipeline.lab.study.answers import Candidates, Portrait, Study, StyledHead, interval
from portrait_pipeline.lab.study.questionnaire import build_questionnaire, crop_portrait, write_questionnaire
from portrait_pipeline.lab.study.score import score

TITLE = "</script><b>A & \"B\" %%DATA%% 'x'</b>"
HEADS = 3


@pytest.fixture(scope="module")
def study() -> tuple[Study, Candidates]:
    """Pictures of one grey each, so that a picture on the page can be told: photos 10, 20, ..; artworks 130, 140, .."""
    model = load_bundled_model()
    front = model.mean[model.landmarks]
    points = np.stack([64 + 4 * front[:, 0], 64 - 4 * (front[:, 1] - front[:, 1].mean())], axis=1)
    photos, artworks = (
        [
            Portrait(f"{name}-{index}", np.full((128, 128, 3), start + 10 * index, np.uint8), points)
            for index in range(6)
        ]
        for name, start in (("secretphoto", 10), ("secretart", 130))
    )
    heads = [
        StyledHead(
            f"secrethead{index}",
            model.mesh(model.mean),
            np.full((8, 8, 3), 80 + 40 * index, np.uint8),
            model.landmarks,
            index,
            5 - index,
        )
        for index in range(HEADS)
    ]
    rows = [[own, *[place for place in range(6) if place != own][:4]] for own in range(6)]
    return Study(heads, photos, artworks), Candidates(np.array(rows[:3]), np.array(rows[:2:-1]))


@pytest.fixture(scope="module", autouse=True)
def small_renders():
    """Where things are is tested here, not how fine they are drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questionnaire, "_RENDER_SIDE", 64)
        yield


@pytest.fixture(scope="module")
def made(study, small_renders):
    return build_questionnaire(*study, TITLE, seed=3)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def grey_of(uri: str) -> int:
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return round(float(np.array(picture).mean()) / 10) * 10


def test_the_key_names_what_the_page_shows(made, study):
    data = data_of(made.page)
    assert data["study"] == made.key["study"] and len(data["questions"]) == HEADS
    heads = {head.name: head for head in study[0].heads}
    for shown, entry in zip(data["questions"], made.key["questions"], strict=True):
        head = heads[entry["head"]]
        assert len(shown["views"]) == 3 and len(shown["photos"]) == len(shown["artworks"]) == 5
        for kind, start in (("photos", 10), ("artworks", 130)):
            for place, name in zip(shown[kind], entry[kind].values(), strict=True):
                assert grey_of(data["pictures"][place]) == start + 10 * int(name[-1])
        assert entry["photos"][entry["photo"]] == f"secretphoto-{head.photo}"
        assert entry["artworks"][entry["art"]] == f"secretart-{head.art}"


def test_the_page_does_not_tell_right_from_wrong(made, study):
    assert "secret" not in made.page
    data = data_of(made.page)
    assert data["pictures"] == sorted(data["pictures"])  # the place of a picture says nothing of its making
    assert set(data) == {"study", "pictures", "questions"}
    assert all(set(question) == {"views", "photos", "artworks"} for question in data["questions"])
    labels = [build_questionnaire(*study, "t", seed).key["questions"][0]["photo"] for seed in range(6)]
    assert len(set(labels)) > 2


def test_the_seed_decides(made, study):
    again, other = (build_questionnaire(*study, TITLE, seed) for seed in (3, 4))
    assert again == made
    assert other.key["questions"] != made.key["questions"] and other.key["study"] != made.key["study"]


def test_the_page_needs_nothing_from_outside_and_escapes(made):
    assert not re.search(r"https?://|src\s*=\s*[\"']|@import|<link(?! rel=\"icon\" href=\"data:,\")", made.page)
    assert "default-src 'none'" in made.page
    assert html.escape(TITLE) in made.page and "<b>A" not in made.page


def test_too_many_choices(study):
    wide = Candidates(np.zeros((HEADS, 10), int), np.zeros((HEADS, 10), int))
    with pytest.raises(ParameterError, match="at most 9"):
        build_questionnaire(study[0], wide, "t", 0)


def test_page_and_key_are_two_files(made, tmp_path):
    with pytest.raises(OutputError, match="another --key"):
        write_questionnaire(tmp_path / "a.html", tmp_path / "a.html", made)


@pytest.mark.parametrize("shape", [(128, 128), (90, 300), (400, 100)])
def test_crops_are_square_and_hold_the_face(study, shape):
    points = study[0].photos[0].points
    points = (points - points.mean(axis=0)) * 0.5 + np.array([shape[1] / 2, shape[0] / 2])
    image = np.zeros((*shape, 3), np.uint8)
    column, row = points[30].astype(int)
    image[row - 4 : row + 4, column - 4 : column + 4] = 255
    crop = crop_portrait(Portrait("", image, points), 100)
    assert crop.shape == (100, 100, 3) and crop[20:80, 20:80].max() > 200


def visit(browser: str, page: Path, script: str, size: str = "1280,720") -> str:
    """The page after a script that acts as a visitor does; nothing may be written to the console."""
    helpers = """
        const key = (key) => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        const by = (id) => document.getElementById(id);
        const keep = (name, value) => { document.body.dataset[name] = String(value); };"""
    text = page.read_text(encoding="utf-8")
    acting = page.with_name("acting.html")
    acting.write_text(
        text.replace(
            "</body>",
            f'<script>addEventListener("load", async () => {{{helpers}{script}'
            '; keep("acted", "yes"); });</script></body>',
        ),
        encoding="utf-8",
    )
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--window-size={size}",
        "--virtual-time-budget=2500",
        "--dump-dom",
        acting.as_uri(),
    ]
    for _ in range(5):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        shutil.rmtree(page.parent / "profile", ignore_errors=True)
        assert done.returncode == 0, done.stderr[-2000:]
        if 'data-acted="yes"' in done.stdout:
            break
    assert [line for line in done.stderr.splitlines() if ":CONSOLE" in line] == []
    assert 'data-acted="yes"' in done.stdout
    return done.stdout


def kept(dom: str, name: str) -> str:
    return html.unescape(re.search(rf'data-{name}="(.*?)"', dom, re.S)[1])


def test_answers_of_a_participant_are_scored(browser, made, tmp_path):
    """All right but the artwork of question 2; saved by the button, scored by the command."""
    write_questionnaire(tmp_path / "study.html", tmp_path / "key.json", made)
    given = [[row["photo"], row["art"]] for row in made.key["questions"]]
    given[1][1] = next(label for label in "ABCDE" if label != given[1][1])
    dom = visit(
        browser,
        tmp_path / "study.html",
        f"""
        const given = {json.dumps(given)};
        by("name").value = "Ann <i>"; by("begin").click();
        for (const [photo, art] of given) {{
            key(photo); document.querySelector('input[value="' + art + '"]').click(); key("Enter");
        }}
        const make = URL.createObjectURL;
        let file = null;
        URL.createObjectURL = (blob) => {{ file = blob; return make.call(URL, blob); }};
        HTMLAnchorElement.prototype.click = function () {{ keep("file", this.download); }};
        by("save").click();
        keep("content", await file.text());
        keep("shown", by("answers").textContent);""",
    )
    content = kept(dom, "content")
    assert content == kept(dom, "shown")
    answers = json.loads(content)
    assert kept(dom, "file") == f"answers_{made.key['study']}_{answers['participant']}.json"
    (tmp_path / "ann.json").write_text(content)
    result = CliRunner().invoke(
        main,
        ["study", "score", str(tmp_path / "key.json"), str(tmp_path / "ann.json"), "-o", str(tmp_path / "people.json")],
    )
    assert result.exit_code == 0 and "Ann <i>" in result.output
    scored = json.loads((tmp_path / "people.json").read_text())
    assert scored["photo_accuracy"] == 100 and scored["art_accuracy"] == pytest.approx(200 / 3, rel=1e-5)
    assert scored["by_question"]["2"]["art_accuracy"] == 0 and scored["by_question"]["1"]["art_accuracy"] == 100
    assert list(scored["by_participant"]) == [answers["participant"]]


def test_the_page_leads_through_the_questions(browser, made, tmp_path):
    page = tmp_path / "study.html"
    write_questionnaire(page, tmp_path / "key.json", made)
    dom = visit(
        browser,
        page,
        """
        const at = () => document.documentElement.dataset.at;
        const chosen = () => [...document.querySelectorAll("input:checked")].map((item) => item.value).join("");
        key("3"); keep("early", at());
        by("begin").click(); keep("locked", by("next").disabled); key("Enter"); keep("stays", at());
        key("3"); key("x"); key("9"); keep("half", chosen() + by("next").disabled);
        key("b"); keep("whole", chosen() + by("next").disabled + by("progress").value.toFixed(2));
        key("Enter"); keep("second", at() + chosen()); key("Backspace"); keep("back", at() + chosen());
        key("4"); keep("changed", chosen());
        for (let i = 0; i < 5; i++) { key("1"); key("A"); by("next").click(); }
        keep("end", at() + by("end").hidden + by("questions").hidden);
        by("again").click(); keep("again", at() + chosen());
        const wide = [...document.querySelectorAll("#views img, .option img")];
        keep("alt", wide.map((image) => image.alt).join("|"));
        keep("bottom", by("artworks").getBoundingClientRect().bottom <= innerHeight - by("steps").offsetHeight);
        keep("overflow", document.documentElement.scrollWidth > innerWidth);
        keep("heading", document.querySelector("h1").textContent);""",
    )
    expected = {
        "early": "-1",
        "locked": "true",
        "stays": "0",
        "half": "3true",
        "whole": "3Bfalse0.33",
        "second": "1",
        "back": "03B",
        "changed": "4B",
        "end": "3falsetrue",
        "again": "01A",
        "bottom": "true",
        "overflow": "false",
        "heading": TITLE,
    }
    assert {name: kept(dom, name) for name in expected} == expected
    alternatives = kept(dom, "alt").split("|")
    assert len(alternatives) == 13 and alternatives[3] == "Photo 1" and alternatives[-1] == "Artwork E"


def test_the_page_goes_on_after_a_reload_and_fits_a_phone(browser, made, tmp_path):
    page = tmp_path / "study.html"
    write_questionnaire(page, tmp_path / "key.json", made)
    dom = visit(
        browser,
        page,
        """
        if (document.documentElement.dataset.at === "-1") {
            by("begin").click(); key("2"); key("C"); key("Enter"); key("5");
            location.reload(); await new Promise(() => {});
        }
        keep("at", document.documentElement.dataset.at);
        keep("checked", document.querySelector("input:checked").value);
        keep("overflow", document.documentElement.scrollWidth > innerWidth);""",
        size="500,900",
    )
    assert (kept(dom, "at"), kept(dom, "checked"), kept(dom, "overflow")) == ("1", "5", "false")


QUESTIONS = [
    {"head": f"h{index}", "photo": "1", "art": "B", "photos": {"1": "a", "2": "b"}, "artworks": {"A": "c", "B": "d"}}
    for index in range(2)
]


def answers_file(folder: Path, file: str, **changes: object) -> Path:
    rows = [{"question": number, "photo": "1", "art": "A", "seconds": 2.5} for number in (2, 1)]
    value = {"study": "abc", "participant": "p1", "name": "", "answers": rows} | changes
    path = folder / file
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def key(tmp_path) -> Path:
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"study": "abc", "questions": QUESTIONS}))
    return path


def row(**changes: object) -> dict:
    return {"question": 1, "photo": "1", "art": "A"} | changes


def test_rates_and_intervals(key):
    given = {"p": [("1", "B"), ("1", "A")], "q": [("1", "B"), ("2", "A")], "r": [("2", "B"), ("1", "A")]}
    people = {who: (who, [{"photo": photo, "art": art} for photo, art in rows]) for who, rows in given.items()}
    result = score(QUESTIONS, people)
    assert result["photo_accuracy"] == pytest.approx(100 * 4 / 6) and result["art_accuracy"] == 50
    assert result["photo_interval"] == list(interval(4, 6))
    assert result["by_question"]["2"] == {
        "head": "h1",
        "photo_accuracy": pytest.approx(200 / 3),
        "photo_interval": list(interval(2, 3)),
        "art_accuracy": 0,
        "art_interval": list(interval(0, 3)),
    }
    assert [row["photo_accuracy"] for row in result["by_participant"].values()] == [100, 50, 50]
    assert result["chance"] == {"photo": 50, "art": 50}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"study": "other"}, "answers study 'other', the key is of abc"),
        ({"answers": [row()]}, "has 1 answers, the study has 2 questions"),
        ({"answers": "none"}, "has no answers"),
        ({"answers": [row(), row()]}, "question 1 is answered twice"),
        ({"answers": [row(), row(question=3)]}, "question 3 is not one of 1 to 2"),
        ({"answers": [row(), row(question=True)]}, "question True is not one of 1 to 2"),
        ({"answers": [row(), 7]}, "question None is not one of"),
        ({"answers": [row(), row(question=2, photo="7")]}, "question 2 has photo '7', expected one of 1, 2"),
        ({"answers": [row(), row(question=2, art=None)]}, "question 2 has art None"),
        ({"answers": [row(), row(question=2, art=["A"] * 50)]}, "question 2 has art ['A', "),
        ({"participant": " "}, "has no participant"),
        ({"name": 5}, "has no participant"),
    ],
)
def test_damaged_answers_are_refused_in_one_line(key, tmp_path, changes, words):
    path = answers_file(tmp_path, "answers.json", **changes)
    output = tmp_path / "people.json"
    result = CliRunner().invoke(main, ["study", "score", str(key), str(path), "-o", str(output)])
    assert result.exit_code == 1 and words in result.output and "answers.json" in result.output
    assert len(result.output.splitlines()) == 1 and not output.exists()


def test_other_damage(key, tmp_path):
    good = answers_file(tmp_path, "good.json")
    torn, listed, empty = (tmp_path / name for name in ("torn.json", "list.json", "empty.json"))
    torn.write_text(good.read_text()[:40])
    listed.write_text("[1]")
    empty.write_text("{}")
    bytes_ = tmp_path / "bytes.json"
    bytes_.write_bytes(b"\xff\xfe\x00")
    for arguments, words in (
        ([key, torn], "cannot be read as JSON"),
        ([key, bytes_], "cannot be read as JSON"),
        ([key, listed], "holds no JSON object"),
        ([key, tmp_path / "no.json"], "no such file"),
        ([key, good, good], "participant p1 was read already"),
        ([empty, good], "no study id and questions"),
        ([good, good], "no study id and questions"),
    ):
        result = CliRunner().invoke(main, ["study", "score", *map(str, arguments), "-o", str(tmp_path / "o.json")])
        assert result.exit_code == 1 and words in result.output and len(result.output.splitlines()) == 1
    key.write_text(json.dumps({"study": "abc", "questions": [QUESTIONS[0] | {"art": "Z"}]}))
    result = CliRunner().invoke(main, ["study", "score", str(key), str(good), "-o", str(tmp_path / "o.json")])
    assert "question 1 is damaged" in result.output
