"""The HTML viewer, in real headless Chromium: it draws what it should, says nothing, and needs no network."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rigs import globe, plain, quadrants, small_rig

from portrait_pipeline.animation.rig import Part, Rig
from portrait_pipeline.base.errors import OutputError
from portrait_pipeline.export.viewer import viewer_html, write_viewer

SIZE = (640, 480)
RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 20), (20, 20, 230), (240, 220, 20)
VIOLET = (150, 40, 190)


def still(texture: np.ndarray, radius: float = 9.0) -> Rig:
    """A globe without expressions."""
    mesh = globe(24, 32, radius)
    head = Part("Head", mesh, texture, np.zeros((0, *mesh.vertices.shape), np.float32), np.zeros(3), np.ones(3))
    return Rig((head,), (), np.zeros(0), np.zeros(3))


def two_looks(title: str = "Two by two") -> str:
    """Two textures and two shapes; the second shape is half as large."""
    return viewer_html(title, {"Stylised": still(quadrants(64)), "Photo": still(plain(VIOLET), 4.5)})


def visit(browser: str, page: Path, *flags: str, fragment: str = "turn=0") -> tuple[str, list[str]]:
    """Open a page from disk; return standard output and the lines that the page left on its console."""
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-background-networking",
        "--no-first-run",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        "--v=0",
        f"--user-data-dir={page.parent / 'profile'}",
        f"--window-size={SIZE[0]},{SIZE[1]}",
        "--virtual-time-budget=2500",
        "--force-prefers-reduced-motion",
        *flags,
        f"{page.as_uri()}#{fragment}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shutil.rmtree(page.parent / "profile", ignore_errors=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    # "GPU stall due to ReadPixels" is the software renderer speaking of its own speed, not the page
    return done.stdout, [line for line in lines if "Driver Message (OpenGL, Performance" not in line]


def photograph(browser: str, page: Path, fragment: str = "turn=0") -> np.ndarray:
    picture = page.with_suffix(".png")
    _, console = visit(browser, page, f"--screenshot={picture}", fragment=fragment)
    assert console == []
    return np.array(Image.open(picture).convert("RGB")).astype(int)


def share(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture - colour).max(axis=2) < 12).mean())


def test_the_head_is_drawn_the_right_way_round(browser, tmp_path):
    page = tmp_path / "a folder with blanks" / "viewer.html"
    write_viewer(page, "Globe", {"Stylised": still(quadrants(64))})
    picture = photograph(browser, page)
    assert picture.shape == (SIZE[1], SIZE[0], 3)
    shares = [share(picture, colour) for colour in (RED, GREEN, BLUE, YELLOW)]
    assert 0.25 < sum(shares) < 0.7 and min(shares) > 0.05
    middle, row = SIZE[0] // 2, SIZE[1] // 2 - 10
    for dx, dy, colour in ((-60, -60, RED), (60, -60, GREEN), (-60, 60, BLUE), (60, 60, YELLOW)):
        assert np.abs(picture[row + dy, middle + dx] - colour).max() < 12
    corners = picture[[5, 5, -5, -5], [-5, -200, 5, -5]]
    assert (corners > 200).all()  # soft, light background


def test_controls_change_texture_and_geometry_separately(browser, tmp_path):
    """A script that clicks as a visitor does, in a page otherwise unchanged."""
    clicks = """<script>addEventListener("load", () => {
        const click = (text) => [...document.querySelectorAll("label, button")]
            .find((item) => item.textContent === text).click();
        const press = (key) =>
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
        const keep = (name) => document.body.dataset[name] =
            ["turn", "wire"].map((id) => document.getElementById(id).getAttribute("aria-pressed")).join();
        keep("first"); click("Wireframe"); press(" "); keep("second"); press("w"); press(" "); keep("third");
        const photo = [...document.querySelectorAll("label")].filter((item) => item.textContent === "Photo");
        photo[0].click(); photo[1].click(); press("ArrowLeft"); click("Reset view");
    });</script></body>"""
    page = tmp_path / "viewer.html"
    page.write_text(two_looks().replace("</body>", clicks), encoding="utf-8")
    dom, console = visit(browser, page, "--dump-dom")
    assert console == [] and 'data-state="ready"' in dom
    for state in ('data-first="false,false"', 'data-second="true,true"', 'data-third="false,false"'):
        assert state in dom
    picture = photograph(browser, page)
    assert share(picture, RED) == 0
    assert 0.05 < share(picture, VIOLET) < 0.2  # half the size: a quarter of the area


def test_links_choose_the_view_and_the_wireframe(browser, tmp_path):
    page = tmp_path / "viewer.html"
    page.write_text(two_looks(), encoding="utf-8")
    # the last shape and the first texture: bad values are brought into range
    turned = photograph(browser, page, "turn=0&yaw=90&wire=1&shape=99&texture=nonsense")
    middle, row = SIZE[0] // 2, SIZE[1] // 2 - 10
    window = turned[row - 40 : row + 40, middle - 40 : middle + 40]
    # nose to image right: the side u < 0.5 faces the viewer
    assert share(window, RED) > 0.1 and share(window, BLUE) > 0.1 and share(window, GREEN) == 0
    assert 0.1 < 1 - share(window, RED) - share(window, BLUE) < 0.8  # the rest is lines


def test_a_browser_without_webgl_gets_a_sentence(browser, tmp_path):
    page = tmp_path / "viewer.html"
    title = "</script><b>A & \"B\" %%DATA%% 'x'</b>"
    page.write_text(two_looks(title), encoding="utf-8")
    dom, _ = visit(browser, page, "--disable-3d-apis", "--dump-dom")
    assert 'data-state="failed"' in dom
    assert "WebGL is missing" in dom

    class Reader(HTMLParser):
        inside, heading, bold = None, "", 0

        def handle_starttag(self, tag, attrs):
            self.inside, self.bold = tag, self.bold + (tag == "b")

        def handle_data(self, data):
            self.heading += data if self.inside == "h1" else ""

        def handle_endtag(self, tag):
            self.inside = None

    reader = Reader()
    reader.feed(dom)
    assert reader.heading == title and reader.bold == 0


def test_links_choose_the_expression(browser, tmp_path):
    page = tmp_path / "viewer.html"
    write_viewer(page, "Rig", {"Stylised": small_rig()})
    neutral = photograph(browser, page, "turn=0&face=0&neutral=1")
    open_jaw = photograph(browser, page, "turn=0&face=0&neutral=1&jawOpen=0.5")
    pictured = photograph(browser, page, "turn=0&face=0")
    lowest = [
        np.flatnonzero((np.abs(picture - BLUE).max(axis=2) < 12).any(axis=1)).max()
        for picture in (neutral, pictured, open_jaw)
    ]
    assert lowest[0] < lowest[1] < lowest[2]  # the picture opens it half as far
    assert (lowest[1] - lowest[0]) == pytest.approx((lowest[2] - lowest[0]) / 2, abs=2)


def test_eyes_turn_with_their_own_texture(browser, tmp_path):
    page = tmp_path / "viewer.html"
    write_viewer(page, "Rig", {"Stylised": small_rig(plain(VIOLET))})
    ahead = photograph(browser, page, "turn=0&face=0")
    look = "&".join(f"eyeLook{way}=1" for way in ("OutLeft", "InRight", "UpLeft", "UpRight"))
    aside = photograph(browser, page, f"turn=0&face=0&{look}")
    for picture, more, less in ((ahead, 0.7, 1.4), (aside, 1.5, 99)):
        left, right = (share(picture, colour) for colour in (RED, GREEN))
        assert more < left / right < less  # looking to image right shows more of the left half of the texture
    assert share(aside, BLUE) > 1.5 * share(aside, RED)  # looking up shows more of the lower half


def test_sliders_move_the_first_look_alone(browser, tmp_path):
    acts = """<script>addEventListener("load", () => {
        const panel = document.getElementById("expression");
        const sliders = [...panel.querySelectorAll("input")];
        const named = (name) => sliders.find((slider) => slider.getAttribute("aria-label") === name);
        const keep = (name, value) => document.body.dataset[name] = String(value);
        const click = (text) => [...document.querySelectorAll("label, button")]
            .find((item) => item.textContent === text).click();
        keep("labels", sliders.map((slider) => slider.getAttribute("aria-label")).join());
        keep("start", named("Jaw open").value); keep("hidden", panel.hidden);
        click("Expression"); keep("shown", !panel.hidden);
        click("Neutral"); keep("neutral", named("Jaw open").value);
        click("As pictured"); keep("pictured", named("Jaw open").value);
        named("Jaw open").value = 1; named("Jaw open").dispatchEvent(new Event("input"));
        document.querySelectorAll("#shapes input")[1].click(); keep("locked", panel.disabled);
        document.querySelectorAll("#shapes input")[0].click(); keep("free", !panel.disabled);
        click("Expression");
    });</script></body>"""
    page = tmp_path / "viewer.html"
    rig = small_rig()
    page.write_text(viewer_html("Rig", {"A": rig, "B": rig}).replace("</body>", acts), encoding="utf-8")
    dom, console = visit(browser, page, "--dump-dom")
    assert console == [] and 'data-state="ready"' in dom
    states = {
        "labels": "Jaw open,Look aside,Look up",
        "start": "0.25",
        "hidden": "true",
        "shown": "true",
        "neutral": "0",
        "pictured": "0.25",
        "locked": "true",
        "free": "true",
    }
    for name, value in states.items():
        assert f'data-{name}="{value}"' in dom
    acted = photograph(browser, page)
    linked = tmp_path / "linked.html"
    write_viewer(linked, "Rig", {"A": rig, "B": rig})
    assert np.array_equal(acted, photograph(browser, linked, "turn=0&jawOpen=1"))


def test_the_page_needs_nothing_from_outside():
    page = two_looks()
    sources = re.findall(r"(?:src|href)\s*=\s*[\"']([^\"']{0,12})", page)
    assert sources and all(source.startswith("data:") for source in sources)
    assert not re.search(r"https?://|@import", page)
    assert "default-src 'none'" in page


def test_equal_input_gives_an_equal_page():
    assert two_looks() == two_looks()


def test_labels_cannot_break_out_of_the_data():
    page = viewer_html("t", {"</script><script>alert(1)</script>": still(quadrants())})
    assert "<script>alert" not in page


def test_bad_data_is_refused():
    rig = small_rig()
    head = rig.parts[0]
    with pytest.raises(ValueError, match="at least one look"):
        viewer_html("t", {})
    with pytest.raises(ValueError, match="look 'B' has another topology"):
        viewer_html("t", {"A": rig, "B": replace(rig, parts=rig.parts[:-1])})
    for change in (
        {"mesh": head.mesh.with_vertices(head.mesh.vertices * np.nan)},
        {"targets": np.full_like(head.targets, np.nan)},
    ):
        with pytest.raises(ValueError, match="not finite"):
            viewer_html("t", {"A": replace(rig, parts=(replace(head, **change), *rig.parts[1:]))})
    with pytest.raises(ValueError, match="uint8"):
        viewer_html("t", {"A": still(quadrants() / 255)})


def test_unwritable_page(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_viewer(tmp_path / "file" / "viewer.html", "t", {"A": still(quadrants())})
