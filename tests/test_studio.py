"""``portrait studio`` as its users have it: the real command, and the page in real headless Chromium."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from gltf_check import read_chunks
from PIL import Image
from ruamel.yaml import YAML

from portrait_pipeline.commands.portrait import main
from portrait_pipeline.perception.files import read_points
from portrait_pipeline.samples.sources import resolve

playwright = pytest.importorskip("playwright.sync_api")
Page, expect = playwright.Page, playwright.expect

PARAMS = """\
pairs: {}  # none yet
landmarks: {max_side: 400}
photo_texture: {size: 128}
shell: {density: 0.6, size: 128}
texture: {scales: [32], iterations: [STEPS], views: 1, surround: 1, points: 64, regions: false}
export: {turntable_frames: 2, turntable_size: 64}
"""
FEW, ENDLESS = 12, 20_000  # steps of the texture; of the latter nobody waits for the end
FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-dev-shm-usage")
SECONDS = 1000  # in the milliseconds of the driver
PATIENCE = 120 * SECONDS
expect.set_options(timeout=PATIENCE)
NASTY = "<img src=x onerror=alert(1)> & co.png"


class Server:
    """The command in a project of its own."""

    def __init__(self, project: Path) -> None:
        self.project, self.address = project, ""
        self.start()

    def start(self) -> None:
        port = self.port if self.address else "0"
        command = [sys.executable, "-m", "portrait_pipeline.commands.portrait", "studio", "--project"]
        self.process = subprocess.Popen(
            [*command, str(self.project), "--no-browser", "--port", port],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        line = self.process.stdout.readline()
        self.address = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", line)[0]

    @property
    def port(self) -> str:
        return self.address.split("/")[2].split(":")[1]

    @property
    def works(self) -> Path:
        return self.project / "data" / "studio"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        """A request as another program would send it; ``path`` begins after the token."""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=10)
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in ({"content-length": str(len(body))} | headers).items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    project = tmp_path_factory.mktemp("a project")
    (project / "params.yaml").write_text(PARAMS.replace("STEPS", str(FEW)))
    server = Server(project)
    yield server
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(20) == 0


@pytest.fixture
def endless(server: Server) -> Iterator[None]:
    """Portraits are not finished before they are cancelled or killed, however slow the machine."""
    params = server.project / "params.yaml"
    before = params.read_text()
    params.write_text(before.replace(f"[{FEW}]", f"[{ENDLESS}]"))
    yield
    params.write_text(before)


@pytest.fixture(scope="module")
def chromium(browser: str) -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(chromium: playwright.Browser, server: Server) -> Iterator[Page]:
    """The studio at 1600 px; nothing may be asked from outside and nothing said on the console."""
    context = chromium.new_context(viewport={"width": 1600, "height": 1000}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    wrong: list[str] = []
    context.on(
        "request", lambda request: request.url.startswith((server.address, "data:")) or wrong.append(request.url)
    )
    context.on("console", lambda message: "GL Driver" in message.text or wrong.append(message.text))
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    page = context.new_page()
    open_page(page, server.address)
    yield page
    context.close()
    assert [line for line in wrong if "Failed to load resource" not in line and "ERR_" not in line] == []


def open_page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("html[data-state=ready]")


def press(page: Page, selector: str) -> None:
    """Go to a control with the Tab key and press it: nothing needs a mouse."""
    for _ in range(80):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            expect(page.locator(selector)).to_be_enabled()
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} is not reached by keys")


def draft(page: Page, act: Callable[[Page, str], None] = Page.click) -> str:
    """Both samples on the desk; the work's id."""
    for role, name in (("photo", "astronaut"), ("art", "oil_strokes")):
        page.wait_for_selector(f"#{role} [data-sample={name}]")  # an empty desk comes a moment after its button
        act(page, f"#{role} [data-sample={name}]")
        page.wait_for_selector(f"#{role} .overlay:not([hidden])")
    expect(page.locator("#make")).to_be_enabled()
    return page.url.split("#")[1]


def drop(page: Page, target: str, file: Path) -> None:
    """Drop a file from outside of the browser."""
    script = """([text, name]) => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
        return dropped; }"""
    content = base64.b64encode(file.read_bytes()).decode()
    dropped = page.evaluate_handle(script, [content, file.name])
    page.dispatch_event(target, "drop", {"dataTransfer": dropped})


def state(page: Page, wanted: str) -> None:
    page.wait_for_selector(f"#state[data-state={wanted}]", state="attached")


def record(server: Server, work: str) -> dict:
    return json.loads((server.works / work / "work.json").read_text())


def processes(server: Server) -> list[int]:
    """Makings in this project."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "studio.job" in line and str(server.project) in line:
            found.append(int(path.parent.name))
    return found


def test_from_two_files_to_a_portrait(page: Page, server: Server, tmp_path: Path) -> None:
    photo, art = tmp_path / "me.png", tmp_path / NASTY
    shutil.copyfile(resolve("sample:astronaut").path, photo)
    shutil.copyfile(resolve("sample:oil_strokes").path, art)
    drop(page, "#photo", photo)
    page.set_input_files("#art input[type=file]", art)
    expect(page.locator("#make")).to_be_enabled()
    expect(page.locator("#art .name")).to_have_text(NASTY)
    assert page.locator("#photo .dots path").count() == 68
    assert page.locator("#photo .overlay .parts").evaluate("parts => getComputedStyle(parts).opacity > 0.2")
    page.uncheck("#photo input.parts")
    page.wait_for_function("getComputedStyle(document.querySelector('#photo .overlay .parts')).opacity == 0")
    work = page.url.split("#")[1]
    folder = server.works / work

    # a point is dragged, and the file beside the picture has it
    before = np.array(record(server, work)["photo"]["points"])
    page.click("#photo .adjust")
    box = page.locator("#editor .dots path").nth(8).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y + 9, steps=3)
    page.mouse.up()
    expect(page.locator("#undo")).to_be_enabled()
    file = folder / "photo" / "picture.png.pts"
    until(file.exists)
    moved = read_points(file, (512, 512)) - before
    assert (moved[8] > 0.5).all() and abs(np.delete(moved, 8, axis=0)).max() < 0.01
    # by keys, a whole group
    page.check("#editor input[value=group]")
    page.focus("#editor .overlay")
    page.keyboard.press("Shift+ArrowUp")
    until(lambda: (read_points(file) - before)[4, 1] < -1)
    jaw = read_points(file) - before - moved
    assert (jaw[:17, 1] < -1).all() and abs(jaw[17:]).max() < 0.01
    page.click("#undo")
    until(lambda: abs(read_points(file) - before - moved).max() < 0.01)
    page.click("#close")

    page.uncheck("#shell")
    page.fill("#strength", "0.9")
    until(lambda: record(server, work)["settings"] == {"scale": 1.0, "beta": 1.0, "strength": 0.9, "shell": False})
    second = page.context.new_page()  # another tab sees all of it
    open_page(second, page.url)
    second.bring_to_front()
    page.click("#make")
    state(second, "running")
    state(second, "done")
    second.close()
    state(page, "done")

    viewer = page.frame_locator("#viewer")
    viewer.locator("html[data-state=ready]").wait_for()
    assert viewer.get_by_label("Smile").count() == 1
    document, _ = read_chunks(downloaded(page, "glb"))
    assert {mesh["name"] for mesh in document["meshes"]} >= {"Head"}
    assert validated(downloaded(page, "glb"), tmp_path)
    names = zipfile.ZipFile(io.BytesIO(downloaded(page, "obj"))).namelist()
    assert sorted(names) == ["head.mtl", "head.obj", "texture.png"]
    assert downloaded(page, "gif")[:3] == b"GIF" and downloaded(page, "png")[:4] == b"\x89PNG"
    names = set(zipfile.ZipFile(io.BytesIO(downloaded(page, "zip"))).namelist())
    assert names >= {"results/head.glb", "results/viewer.html", "photo.png", "photo.png.pts", "art.png", "work.json"}
    assert page.locator(f"#works li[data-id='{work}'] img").evaluate(
        "image => image.decode().then(() => image.naturalWidth)"
    )

    # the pipeline can take it over
    page.click("#keep")
    page.fill("#pair-name", "my pair")
    page.click("#pair-keep")
    expect(page.locator("#pair-answer")).to_contain_text("'my pair' is not allowed")
    page.fill("#pair-name", "mine")
    page.click("#pair-keep")
    expect(page.locator("#pair-answer")).to_have_text("Kept. Now run: dvc exp run -S texture.strength=0.9")
    text = (server.project / "params.yaml").read_text()
    pair = {"photo": "data/photos/mine.png", "shell": "none", "art": "data/art/mine.png"}
    assert YAML(typ="safe").load(text)["pairs"] == {"mine": pair} and "# none yet" in text
    assert (server.project / "data" / "photos" / "mine.pts").read_bytes() == file.read_bytes()
    assert not (server.project / "data" / "art" / "mine.pts").exists()  # nobody placed these

    page.click("#pair form button:text('Close')")
    page.click("#vary")  # the same pictures and points, to be changed
    page.wait_for_url(lambda address: work not in address)
    expect(page.locator("#make")).to_be_enabled()
    other = page.url.split("#")[1]
    assert (server.works / other / "photo" / "picture.png.pts").read_bytes() == file.read_bytes()


def test_cancel_and_queue_by_keys_alone(page: Page, server: Server, endless: None) -> None:
    heard = """() => {
        window.heard = [];
        const state = document.querySelector('#state');
        new MutationObserver(() => window.heard.push(state.textContent)).observe(state, {childList: true}); }"""
    page.evaluate(heard)
    first = draft(page, press)
    press(page, "#make")
    state(page, "running")
    assert page.evaluate("document.activeElement.id") == "desk"  # the button is gone: on from there
    press(page, "#new")
    second = draft(page, press)
    press(page, "#make")
    state(page, "queued")
    press(page, "#cancel")
    state(page, "cancelled")
    assert record(server, second)["state"] == "cancelled"
    press(page, "#make")
    state(page, "queued")
    os.kill(processes(server)[0], signal.SIGKILL)  # a crash touches nothing else
    state(page, "running")
    press(page, "#cancel")
    state(page, "cancelled")
    until(lambda: not processes(server))
    assert record(server, second)["state"] == "cancelled" and not (server.works / second / "results").exists()
    press(page, f"#works li[data-id='{first}'] a")
    state(page, "failed")
    expect(page.locator("#state")).to_contain_text("it was ended by SIGKILL")
    expect(page.locator("#make")).to_have_text("Make it again")
    page.once("dialog", lambda dialog: dialog.accept())
    press(page, "#delete")
    until(lambda: not (server.works / first).exists())
    expect(page.locator(f"#works li[data-id='{first}']")).to_have_count(0)
    # the live region has told all of it, in this order
    told = iter(page.evaluate("window.heard"))
    for line in (
        "Reading the photo …",
        "Reading the artwork …",
        "Ready to be made",
        "Being made",
        "Waiting its turn",
        "Cancelled",
        "Being made",
        "Cancelled",
        "Could not be made",
    ):
        assert any(text.startswith(line) for text in told), line


def test_a_restart_in_the_middle(page: Page, server: Server, endless: None) -> None:
    work = draft(page)
    page.click("#make")
    state(page, "running")
    page.click("#new")
    waiting = draft(page)
    page.click("#make")
    page.click(f"#works li[data-id='{work}'] a")
    server.process.kill()
    server.process.wait()
    expect(page.locator("#lost")).to_be_visible()
    until(lambda: not processes(server))
    server.start()
    until(lambda: record(server, waiting)["state"] == "running")  # what waited goes on, however late the page looks
    token, own = server.address.split("/")[3], f"http://127.0.0.1:{server.port}"
    assert server.ask("POST", f"/{token}/works/{waiting}/cancel", origin=own)[0] == 200
    state(page, "interrupted")  # the page that was open finds the studio again
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator("#state")).to_contain_text("closed while this portrait was being made")
    page.click(f"#works li[data-id='{waiting}'] a")
    state(page, "cancelled")
    page.click(f"#works li[data-id='{work}'] a")
    page.click("#make")
    page.reload()
    page.wait_for_selector("#preview:not([hidden])")
    assert "style" in page.text_content("#losses")
    page.click("#cancel")
    state(page, "cancelled")


def test_bad_files_are_one_line_and_nothing_is_lost(page: Page, server: Server, tmp_path: Path) -> None:
    work = draft(page)
    points = record(server, work)["photo"]["points"]
    broken = tmp_path / "holiday.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture at all")
    page.set_input_files("#photo input[type=file]", broken)
    error = page.locator("#error p")
    expect(error).to_contain_text("holiday.jpg:")
    assert "\n" not in error.text_content() and str(server.project) not in error.text_content()
    assert record(server, work)["photo"]["points"] == points and (server.works / work / "photo" / "view.jpg").is_file()
    assert not list((server.works / work).glob(".*"))

    # no face: the picture stays, and a box says where to look
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 110, 3), np.uint8)).save(tmp_path / "noise.png")
    page.set_input_files("#art input[type=file]", tmp_path / "noise.png")
    expect(page.locator("#art .remarks")).to_contain_text("no face was found")
    expect(page.locator("#make")).to_be_disabled()
    page.click("#art .adjust")
    box = page.locator("#editor .overlay").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 100, y - 120)
    page.mouse.down()
    page.mouse.move(x + 100, y + 120, steps=2)
    page.mouse.up()
    expect(page.locator("#editor .dots path")).to_have_count(68)
    assert (server.works / work / "art" / "picture.png.pts").is_file()
    page.check("#editor input[value=all]")
    page.click("#zoom")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 900, y, steps=2)  # out of the picture
    page.mouse.up()
    expect(page.locator("#editor-error")).to_contain_text("outside the image of 110 x 96 pixels")
    page.keyboard.press("Escape")
    expect(page.locator("#make")).to_be_enabled()


def test_points_by_keys_names_and_widths(page: Page, server: Server) -> None:
    """Without a mouse, with every control named, and without anything that sticks out at 390 px."""
    press(page, "#photo [data-sample=astronaut]")
    page.wait_for_selector("#photo .overlay:not([hidden])")
    order = """() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"""
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.focus(".skip")
    places = [page.evaluate(order)]
    while len(places) < 100:
        page.keyboard.press("Tab")
        places.append(page.evaluate(order))
        if places[-1] <= places[-2]:
            break
    stops = len(controls(page)) - 2  # but for the page itself and the desk, which takes the focus of what is gone
    assert 20 < len(places) - 1 == stops, "the keys reach all controls, in the order of the page"
    press(page, "#photo .adjust")
    assert page.evaluate("document.activeElement.matches('#editor .overlay')")
    page.keyboard.press(".")
    expect(page.locator("#said")).to_contain_text("Point 31, nose")
    folder = server.works / page.url.split("#")[1]
    before, file = record(server, folder.name)["photo"]["points"], folder / "photo" / "picture.png.pts"
    page.keyboard.press("Shift+ArrowRight")
    until(file.exists)
    moved = read_points(file) - np.array(before)
    assert moved[31, 0] > 1 and abs(np.delete(moved, 31, axis=0)).max() < 0.01
    for width, height in ((1600, 1000), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert ("application", "Points of astronaut") in controls(page)
    page.keyboard.press("Escape")
    for _ in range(20):  # the parts are read anew meanwhile, and the keys stay where they were
        assert page.evaluate("document.activeElement.matches('#photo .adjust')")
        page.wait_for_timeout(50)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert {("slider", "Exaggeration"), ("button", "Choose a file: artwork"), ("checkbox", "Hair and shoulders")} <= {
        *controls(page)
    }


def controls(page: Page) -> list[tuple[str, str]]:
    """Role and name of all that takes the focus, as the browser tells them to a screen reader; none may lack one."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    found = [
        (node["role"]["value"], node["name"]["value"].strip())
        for node in tree
        if not node["ignored"]
        and {"name": "focusable", "value": {"type": "booleanOrUndefined", "value": True}} in node["properties"]
    ]
    assert all(name and role not in ("generic", "none") for role, name in found), found
    return found


def test_nobody_else_is_answered(server: Server) -> None:
    token = server.address.split("/")[3]
    own = f"http://127.0.0.1:{server.port}"
    assert server.ask("GET", f"/{token}/")[0] == 200
    for path in ("/", f"/{token[:-1]}x/", "/favicon.ico", f"/{token}"):
        assert server.ask("GET", path)[0] != 200
    assert server.ask("GET", f"/{token}/", host=f"evil.example:{server.port}")[0] == 421
    works = f"/{token}/works"
    for origin in ({}, {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:1"}):
        assert server.ask("POST", works, b"{}", **origin)[0] == 403
    status, text = server.ask("POST", works, b"{}", origin=own)
    work = json.loads(text)["id"]
    assert status == 200 and (server.works / work).is_dir()
    (server.works / "secret.txt").write_text("secret")
    for path in (
        f"/{token}/page/../server.py",
        f"/{token}/page/..%2fserver.py",
        f"/{token}/works/..%2f..%2f..%2fparams.yaml/preview",
        f"/{token}/works/{work}/photo/work.json",
        f"/{token}/works/{work}/download/..%2f..%2fsecret.txt",
        f"/{token}/works/secret.txt/viewer",
        f"/{token}/samples/..%2f..%2fparams",
        f"/{token}/token",
    ):
        status, text = server.ask("GET", path)
        assert status in (404, 422) and "secret" not in text.replace("secret.txt", "") and "pairs" not in text
    # too large, too much, not JSON, not numbers: refused with a line before anything is read
    photo = f"{works}/{work}/photo"
    assert "200 MB" in server.ask("PUT", f"{photo}?name=x.png", origin=own, **{"content-length": "300000000"})[1]
    assert server.ask("POST", photo, b"x" * 100_000, origin=own)[0] == 422
    assert server.ask("POST", photo, b"[1", origin=own)[0] == 422
    assert server.ask("POST", f"{works}/{work}/settings", b'{"scale": 99}', origin=own)[0] == 422
    assert server.ask("POST", f"{works}/{work}/settings", b'{"scale": "1; rm"}', origin=own)[0] == 422
    assert "Choose the photo" in server.ask("POST", f"{works}/{work}/make", b"", origin=own)[1]
    assert server.ask("POST", f"{works}/{work}/delete", b"", origin=own)[0] == 200
    assert oct((server.works / "token").stat().st_mode)[-3:] == "600"


def test_what_cannot_be_opened_is_one_line(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second studio of a project, a port that is taken, the extra not installed."""
    studio = "studio", "--no-browser", "--port"
    for project, port, says in (
        (server.project, "0", "open already"),
        (tmp_path, server.port, f"--port is {server.port}"),
        (tmp_path / "none", "0", "no such folder"),
    ):
        result = CliRunner().invoke(main, [*studio, port, "--project", str(project)])
        assert result.exit_code == 1 and says in result.output and len(result.output.splitlines()) == 1
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = CliRunner().invoke(main, [*studio, "0", "--project", str(tmp_path)])
    assert result.exit_code == 1 and 'pip install -e ".[studio]"' in result.output


def downloaded(page: Page, kind: str) -> bytes:
    with page.expect_download() as waiting:
        page.click(f"#downloads a[href$='download/{kind}']")
    return Path(waiting.value.path()).read_bytes()


def validated(content: bytes, folder: Path) -> bool:
    """Whether Khronos' validator, where it is installed, has no error to tell."""
    script = (
        "const v = require('gltf-validator'), fs = require('fs');"
        "v.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])))"
        ".then((r) => console.log(r.issues.numErrors))"
    )
    (folder / "downloaded.glb").write_bytes(content)
    command = ["node", "-e", script, folder / "downloaded.glb"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return True
    return done.stdout.strip() == "0" or "Cannot find module" in done.stderr


def until(condition, seconds: float = PATIENCE / SECONDS) -> None:
    """Wait for something outside of the page."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
