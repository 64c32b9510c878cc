"""The HTML viewer, in real headless Chromium: it draws what it should, says nothing, and needs no network."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from portrait_pipeline.applications.viewer import viewer_html, write_viewer
from portrait_pipeline.errors import OutputError
from portrait_pipeline.mesh import Mesh

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE = (640, 480)
RED, GREEN, BLUE, YELLOW = (230, 20, 20), (20, 200, 20), (20, 20, 230), (240, 220, 20)
VIOLET = (150, 40, 190)


def globe(radius: float = 9.0, rows: int = 24, columns: int = 32) -> Mesh:
    """A sphere (cm) whose vertices are not shared across its seam at the back; the poles are small rings."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    angle, height = 2 * np.pi * (uv[:, 0] - 0.5), np.pi * 0.98 * (uv[:, 1] - 0.5)
    across, up = np.cos(height), np.sin(height)
    places = np.stack([np.sin(angle) * across, up, np.cos(angle) * across], axis=1)
    corner = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    step = columns + 1
    triangles = np.concatenate([np.stack([corner, corner + 1, corner + step + 1], 1),
                                np.stack([corner, corner + step + 1, corner + step], 1)]).astype(np.int32)
    return Mesh(radius * places, triangles, uv, triangles)


def quadrants(size: int = 64) -> np.ndarray:
    texture = np.zeros((size, size, 3), np.uint8)
    half = size // 2
    texture[:half, :half], texture[:half, half:] = RED, GREEN
    texture[half:, :half], texture[half:, half:] = BLUE, YELLOW
    return texture


def two_by_two(title: str = "Two by two") -> str:
    """Two textures and two shapes; the second shape is half as large."""
    mesh = globe()
    plain = np.full((16, 16, 3), VIOLET, np.uint8)
    return viewer_html(title, mesh, {"Stylised": quadrants(), "Photo": plain},
                       {"Deformed": mesh.vertices, "Fitted": mesh.vertices / 2})


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        pytest.fail(f"no browser to test the viewer with: none of {', '.join(BROWSERS)} is installed; "
                    "on Debian `apt-get install -y chromium`", pytrace=False)
    return found


def visit(browser: str, page: Path, *flags: str, fragment: str = "turn=0") -> tuple[str, list[str]]:
    """Open a page from disk; return standard output and the lines that the page left on its console."""
    command = [
        browser, "--headless", "--no-sandbox",
        "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
        "--disable-background-networking", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
        "--enable-logging=stderr", "--v=0", f"--user-data-dir={page.parent / 'profile'}",
        f"--window-size={SIZE[0]},{SIZE[1]}", "--virtual-time-budget=2500", *flags,
        f"{page.as_uri()}#{fragment}",
    ]
    for _ in range(10):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        shutil.rmtree(page.parent / "profile", ignore_errors=True)
        assert done.returncode == 0, done.stderr[-2000:]
        # Virtual time may run out before the pictures, which a real thread decodes, are there: look again.
        if "--dump-dom" not in flags or "data-state=" in done.stdout:
            break
    lines = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    # "GPU stall due to ReadPixels" is the software renderer speaking of its own speed, not the page
    return done.stdout, [line for line in lines if "Driver Message (OpenGL, Performance" not in line]


def photograph(browser: str, page: Path, fragment: str = "turn=0") -> np.ndarray:
    picture = page.with_suffix(".png")
    for _ in range(8):
        _, console = visit(browser, page, f"--screenshot={picture}", fragment=fragment)
        assert console == []
        pixels = np.array(Image.open(picture).convert("RGB")).astype(int)
        if (np.ptp(pixels, axis=2) > 60).mean() > 0.02:  # a coloured head is there, see visit()
            break
    return pixels


def share(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    return float((np.abs(picture - colour).max(axis=2) < 12).mean())


def test_the_head_is_drawn_the_right_way_round(browser, tmp_path):
    page = tmp_path / "a folder with blanks" / "viewer.html"
    write_viewer(page, "Globe", globe(), {"Stylised": quadrants()})
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
        click("Photo"); click("Fitted"); press("ArrowLeft"); click("Reset view");
    });</script></body>"""
    page = tmp_path / "viewer.html"
    page.write_text(two_by_two().replace("</body>", clicks), encoding="utf-8")
    dom, console = visit(browser, page, "--dump-dom")
    assert console == [] and 'data-state="ready"' in dom
    for state in ('data-first="false,false"', 'data-second="true,true"', 'data-third="false,false"'):
        assert state in dom
    for _ in range(12):  # until the change of texture has faded over
        picture = photograph(browser, page)
        if share(picture, VIOLET) > 0.05:
            break
    assert share(picture, RED) == 0
    assert 0.05 < share(picture, VIOLET) < 0.2  # half the size: a quarter of the area


def test_links_choose_the_view_and_the_wireframe(browser, tmp_path):
    page = tmp_path / "viewer.html"
    page.write_text(two_by_two(), encoding="utf-8")
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
    page.write_text(two_by_two(title), encoding="utf-8")
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


def test_the_page_needs_nothing_from_outside():
    page = two_by_two()
    assert not re.search(r"https?://|src\s*=\s*[\"']|@import|<link(?! rel=\"icon\" href=\"data:,\")", page)
    assert "default-src 'none'" in page


def test_equal_input_gives_an_equal_page():
    assert two_by_two() == two_by_two()


def test_labels_cannot_break_out_of_the_data():
    page = viewer_html("t", globe(), {"</script><script>alert(1)</script>": quadrants()})
    assert "<script>alert" not in page


def test_bad_data_is_refused():
    mesh = globe()
    with pytest.raises(ValueError, match="at least one texture"):
        viewer_html("t", mesh, {})
    with pytest.raises(ValueError, match="shape 'Fitted'"):
        viewer_html("t", mesh, {"a": quadrants()}, {"Fitted": mesh.vertices[:-1]})
    with pytest.raises(ValueError, match="finite"):
        viewer_html("t", mesh, {"a": quadrants()}, {"Fitted": mesh.vertices * np.nan})
    with pytest.raises(ValueError, match="uint8"):
        viewer_html("t", mesh, {"a": quadrants() / 255})


def test_unwritable_page(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_viewer(tmp_path / "file" / "viewer.html", "t", globe(), {"a": quadrants()})
