"""`portrait batch`: a table in, a folder a row out; what is made is not made again, and no row stops another."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from films import write_film
from PIL import Image

from portrait_pipeline.base.errors import InputFileError, OutputError, ParameterError
from portrait_pipeline.batch.folder import Output, fingerprint
from portrait_pipeline.batch.maker import Made
from portrait_pipeline.batch.report import page
from portrait_pipeline.batch.table import Failure, read_table
from portrait_pipeline.commands.portrait import main
from portrait_pipeline.pipeline.networks import bundled_networks
from portrait_pipeline.pipeline.params import Params

QUICK = ["photo_texture.size=128", "texture.scales=[32]", "texture.iterations=[2]", "texture.views=3"]
OPTIONS = ["--format", "glb", *(word for item in QUICK for word in ("-S", item)), "-S", "texture.surround=0"]
PARAMS = Params(pairs={})
EVIL = "<img src=x onerror=alert(1)>\"'&"


def run(*arguments: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, ["batch", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def table(folder: Path, *lines: str) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def batch(tmp_path_factory, astronaut) -> tuple[Path, Path, str]:
    """One row, of a video, among three that cannot work, made with the real command: table, folder, what was said."""
    folder = tmp_path_factory.mktemp("batch")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "cut.png")
    (folder / "cut.png").write_bytes((folder / "cut.png").read_bytes()[:60])
    write_film(folder / "me.mp4", [np.ascontiguousarray(astronaut[:256, 96:352])] * 2)
    path = table(
        folder,
        "photo,art,name,shell,texture.beta,#my notes",
        f'nothing.png,sample:mosaic,,,,"{EVIL.replace(chr(34), chr(34) * 2)}"',
        "cut.png,sample:mosaic,,none,,",
        "me.mp4,sample:ink_caricature,first,none,0.5,the good one",
        "sample:hopper,sample:oil_strokes,second,,-3,",
    )
    said = run(path, "-o", folder / "out", *OPTIONS, status=1)
    return path, folder / "out", said


def test_a_row_is_a_folder_and_a_failure_is_a_line(batch):
    _, out, said = batch
    assert sorted(path.name for path in (out / "first").iterdir()) == ["head.glb", "row.json", "thumb.jpg"]
    (made,) = rows_of(out / "batch.csv")
    assert (made["number"], made["name"], made["parameters"]) == ("3", "first", "texture.beta=0.5")
    assert 0 < float(made["fit_inner_error"]) < 0.1 and float(made["seconds_texture"]) > 0
    failed = {row["number"]: row["message"] for row in rows_of(out / "failures.csv")}
    assert list(failed) == ["1", "2", "4"]
    assert "nothing.png: no such file" in failed["1"] and "cut.png" in failed["2"] and "texture.beta" in failed["4"]
    assert "1 made, 3 failed" in said and not list((out / ".work").iterdir())
    with Image.open(out / "first" / "thumb.jpg") as strip:
        assert strip.size == (800, 200)


def test_what_is_made_is_not_made_again(batch):
    path, out, _ = batch
    before = (out / "first" / "head.glb").stat().st_mtime_ns
    said = run(path, "-o", out, *OPTIONS, status=1)
    assert "1 made, 3 failed" in said and "] first:" not in said
    assert (out / "first" / "head.glb").stat().st_mtime_ns == before and len(rows_of(out / "batch.csv")) == 1


def test_a_row_is_made_again_when_its_inputs_change_and_only_then(tmp_path):
    for name in ("me.png", "art.png"):
        Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / name)

    def now(*formats: str, cells: str = "me.png,art.png,0.5,") -> str:
        (row,), _ = read_table(table(tmp_path, "photo,art,texture.beta,more_photos", cells), PARAMS)
        return fingerprint(row, bundled_networks(), formats or ("glb",), tmp_path)

    first = now()
    os.utime(tmp_path / "me.png", (1, 1))
    assert now() == first, "the content counts, not the date"
    assert now("glb", "obj") != first and now(cells="me.png,art.png,0.6,") != first
    assert now(cells="me.png,art.png,0.5,art.png | me.png") != now(cells="me.png,art.png,0.5,art.png") != first
    (tmp_path / "art.pts").write_text("points")
    with_points = now()
    (tmp_path / "art.png.mask.png").write_bytes(b"mask")
    with_mask = now()
    Image.fromarray(np.full((64, 64, 3), 91, np.uint8)).save(tmp_path / "me.png")
    assert len({first, with_points, with_mask, now()}) == 4


def test_a_finished_row_takes_its_place_as_a_whole(tmp_path):
    output = Output(tmp_path / "out")
    with output.opened():
        with pytest.raises(OutputError, match="another batch is at work"), Output(tmp_path / "out").opened():
            pass
        for content in ("old", "new"):
            work = output.work_folder("row")
            (work / "head.glb").write_text(content)
            assert not output.is_made("row", content)
            output.place(work, "row", {"fingerprint": content})
            assert output.is_made("row", content)
        (output.root / "row" / "head.glb").unlink()
        assert not output.is_made("row", "new"), "a file was deleted"
        (output.root / "mine").mkdir()
        with pytest.raises(OutputError, match="no batch made it"):
            output.work_folder("mine")
        output.work_folder("interrupted")
    assert sorted(path.name for path in output.root.iterdir()) == [".lock", ".work", "mine", "row"]
    assert not list((output.root / ".work").iterdir())


@pytest.mark.parametrize(
    "text, error, words",
    [
        ("photo\nme.png", ParameterError, "no column 'art'"),
        ("photo,art,texture.betta\na,b,1", ParameterError, "column 'texture.betta'.*portrait params.*#texture.betta"),
        ("photo,art,art\na,b,c", ParameterError, "two columns 'art'"),
        ("photo,art", InputFileError, "no rows"),
        ('photo,art\n"a,b', InputFileError, "is not CSV"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, text, error, words):
    with pytest.raises(error, match=words) as caught:
        read_table(table(tmp_path, text), PARAMS)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputFileError, match="no such file"):
        read_table(tmp_path / "none.csv", PARAMS)
    (tmp_path / "latin.csv").write_bytes("photo,art\nJosé.png,b".encode("latin-1"))
    with pytest.raises(InputFileError, match="UTF-8"):
        read_table(tmp_path / "latin.csv", PARAMS)


def test_names_separators_and_rows_of_a_table(tmp_path):
    path = table(
        tmp_path,
        "\ufeffphoto; art ;name;shell;more_photos",
        "sample:astronaut;sample:mosaic;;;",
        "sample:astronaut;sample:mosaic;;none;sample:hopper | sample:astronaut",
        "sample:astronaut;sample:mosaic;../up;;",
        "sample:astronaut;sample:mosaic;Mine;;",
        "sample:astronaut;sample:mosaic;mine;;",
        "sample:astronaut",
        "sample:nobody;sample:mosaic;;;",
        "sample:astronaut;sample:mosaic;x;maybe;",
        "sample:astronaut;sample:mosaic;;;nothing.png",
    )
    rows, failures = read_table(path, PARAMS)
    assert [(row.number, row.name[:16], row.shell) for row in rows] == [
        (1, "astronaut_mosaic", True),
        (2, "astronaut_mosaic", False),
        (4, "Mine", True),
    ]
    assert rows[0].name != rows[1].name
    assert [len(row.more_photos) for row in rows] == [0, 2, 0] and rows[1].more_photos[1].name == "astronaut.png"
    words = {failure.number: failure.message for failure in failures}
    assert "not allowed" in words[3] and "row 4 already" in words[5] and "fewer cells" in words[6]
    assert "nobody" in words[7] and "maybe" in words[8] and "nothing.png: no such file" in words[9]


class Texts(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_escapes_every_text(batch):
    path, out, _ = batch
    rows, _ = read_table(path, PARAMS)
    record = json.loads((out / "first" / "row.json").read_text())
    (good,) = [row for row in rows if row.name == "first"]
    made = Made(good, record | {"photo": EVIL, "remarks": [EVIL], "parameters": [EVIL]}, True)
    plain, hurt = Texts(page([Made(good, record, True)], [])), Texts(page([made], [Failure(1, EVIL, EVIL, EVIL, EVIL)]))
    assert hurt.text.count(EVIL) == 7 and hurt.tags.count("img") == plain.tags.count("img") == 1
    text = (out / "index.html").read_text()
    assert "http://" not in text and "https://" not in text


def test_the_page_filters_and_sorts(batch, browser, tmp_path):
    """In a real browser: a script types and chooses, and writes what is shown into the title."""
    _, out, _ = batch
    shutil.copytree(out, tmp_path / "out")
    target = tmp_path / "out" / "index.html"
    script = """<script>
const seen = () => [...document.querySelectorAll("li")].filter(card => !card.hidden)
  .map(card => card.dataset.number).join("");
const set = (id, value, kind) => {
  const field = document.getElementById(id);
  field.value = value;
  field.dispatchEvent(new Event(kind));
  return seen();
};
const steps = [
  seen(),
  set("words", "Cut MOSAIC", "input"),
  set("words", "", "input"),
  set("state", "failed", "change"),
  set("state", "", "change"),
  set("order", "style_loss", "change"),
];
document.body.innerHTML = "<pre>" + steps.join(" ") + "</pre>";
</script>"""
    target.write_text(target.read_text().replace("</body>", script + "</body>"))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", target.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert shown.split("<pre>")[1].split("</pre>")[0].split() == ["3124", "2", "3124", "124", "3124", "3124"]


def test_on_ray_a_killed_actor_loses_nothing_and_makes_nothing_twice(tmp_path):
    """Two actors draft and finish and one paints, as on a machine with a GPU; one is killed in the middle of a row."""
    pytest.importorskip("ray")
    path = table(
        tmp_path,
        "photo,art,shell",
        "sample:astronaut,sample:mosaic,none",
        "sample:hopper,sample:pastel,none",
        "no.png,sample:pastel,none",
    )
    program = (
        "import sys, ray; ray.init(num_cpus=3, num_gpus=1, include_dashboard=False, log_to_driver=False);"
        "from portrait_pipeline.commands.portrait import main; main(sys.argv[1:])"
    )
    arguments = ["batch", str(path), "-o", str(tmp_path / "out"), "--ray", "--together", "2", *OPTIONS]
    with subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        victim = None
        while victim is None and process.poll() is None:
            time.sleep(0.3)
            victim = next((entry for entry in _processes(process.pid) if "ray::Worker.draft" in entry[1]), None)
        time.sleep(1.0)
        os.kill(victim[0], signal.SIGKILL)
        result, said = process.communicate(timeout=300)
    assert result.splitlines() == [str(tmp_path / "out" / "index.html"), "2 made, 1 failed"], result
    assert "it starts again" in said and "1 row failed" in said, said
    assert said.count("[") >= 2 and all(
        said.count(f"] {row['name']}:") == 1 for row in rows_of(tmp_path / "out/batch.csv")
    )
    assert not list((tmp_path / "out" / ".work").iterdir())


def _processes(ancestor: int) -> list[tuple[int, str]]:
    """Ids and names of the processes below one."""
    found, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue

    def below(process: int) -> bool:
        return process == ancestor or (process in parents and parents[process] > 1 and below(parents[process]))

    return [(process, name) for process, name in found.items() if below(process)]
