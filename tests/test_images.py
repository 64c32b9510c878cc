"""Pictures of every kind come in upright and as RGB; bad files give one clear line."""

import errno
import os
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError, OutputError

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth, different in every corner and channel."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 3 * x, 30 + 4 * y, 200 - x - y], axis=2).astype(np.uint8)


def refused(path: Path, *words: str, max_side: int | None = None) -> str:
    """The message: one line that starts with the file and holds the words."""
    with pytest.raises(InputFileError) as caught:
        images.load_image(path, max_side)
    message = str(caught.value)
    assert "\n" not in message and message.startswith(str(path))
    for word in words:
        assert word in message, message
    return message


@pytest.mark.parametrize(
    "suffix, options",
    [
        (".png", {}),
        (".webp", {"lossless": True}),
        (".tif", {}),
        (".bmp", {}),
        (".tiff", {"compression": "tiff_lzw"}),
    ],
)
def test_lossless_formats_come_back_exactly(tmp_path, scene, suffix, options):
    Image.fromarray(scene).save(tmp_path / f"a{suffix}", **options)
    np.testing.assert_array_equal(images.load_image(tmp_path / f"a{suffix}"), scene)


def test_jpeg_comes_back_nearly_and_twice_the_same(tmp_path, scene):
    path = tmp_path / "a.jpg"
    Image.fromarray(scene).save(path, quality=95)
    first = images.load_image(path)
    assert np.abs(first.astype(int) - scene).mean() < 3
    np.testing.assert_array_equal(first, images.load_image(path))


def test_the_content_decides_not_the_suffix(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.jpg"), scene)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(tmp_path, scene, orientation):
    # What a camera stores for each orientation, so that the upright picture is `scene`.
    stored = {
        1: scene,
        2: scene[:, ::-1],
        3: scene[::-1, ::-1],
        4: scene[::-1],
        5: scene.transpose(1, 0, 2),
        6: np.rot90(scene, 1),
        7: scene[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(scene, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif)
    np.testing.assert_array_equal(images.load_image(path), scene)
    assert images.image_size(path) == (HEIGHT, WIDTH)


def test_grey_and_16_bit_grey(tmp_path, scene):
    grey = scene[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.tif")
    Image.fromarray(grey.astype(np.float32) / 255).save(tmp_path / "float.tif")
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    for name in ("8.png", "16.png", "16.tif", "float.tif"):
        np.testing.assert_array_equal(images.load_image(tmp_path / name), expected, err_msg=name)


def test_16_bit_colour_png(tmp_path, scene):
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (scene.astype(">u2") * 257).reshape(HEIGHT, -1)
    data = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png"), scene)


def test_palette_bilevel_and_gif(tmp_path, scene):
    palette = Image.fromarray(scene).quantize(200)
    palette.save(tmp_path / "a.png")
    expected = np.array(palette.convert("RGB"))
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png"), expected)
    Image.fromarray(scene).quantize(16).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.new("P", (WIDTH, HEIGHT), 3)]
    )
    assert np.abs(images.load_image(tmp_path / "a.gif").astype(int) - scene).mean() < 25  # the first frame
    Image.fromarray(scene[:, :, 0] > 128).save(tmp_path / "1.png")
    assert set(np.unique(images.load_image(tmp_path / "1.png"))) == {0, 255}


def test_cmyk_becomes_rgb(tmp_path, scene):
    Image.fromarray(scene).convert("CMYK").save(tmp_path / "a.tif")
    np.testing.assert_allclose(images.load_image(tmp_path / "a.tif").astype(int), scene, atol=2)
    Image.fromarray(scene).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(images.load_image(tmp_path / "a.jpg").astype(int) - scene).mean() < 5


def test_transparency_lies_on_white(tmp_path, scene):
    alpha = np.full((HEIGHT, WIDTH), 255, np.uint8)
    alpha[:, :20], alpha[:, 20:40] = 0, 128
    Image.fromarray(np.dstack([scene, alpha])).save(tmp_path / "rgba.png")
    rgb = images.load_image(tmp_path / "rgba.png").astype(float)
    weight = alpha[:, :, None] / 255
    np.testing.assert_allclose(rgb, scene * weight + 255 * (1 - weight), atol=1)
    Image.fromarray(np.dstack([scene[:, :, 0], alpha])).save(tmp_path / "la.png")
    assert (images.load_image(tmp_path / "la.png")[:, :20] == 255).all()
    palette = Image.fromarray(scene).quantize(8)
    palette.save(tmp_path / "p.png", transparency=int(np.array(palette)[0, 0]))
    assert (images.load_image(tmp_path / "p.png")[0, 0] == 255).all()


def test_a_colour_profile_is_applied_and_a_broken_one_ignored(tmp_path, scene):
    Image.fromarray(scene).save(
        tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    Image.fromarray(scene).save(tmp_path / "broken.png", icc_profile=b"not a profile")
    for name in ("srgb.png", "broken.png"):
        np.testing.assert_array_equal(images.load_image(tmp_path / name), scene)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()  # does not fit RGB pixels
    Image.fromarray(scene).save(tmp_path / "lab.png", icc_profile=lab)
    np.testing.assert_array_equal(images.load_image(tmp_path / "lab.png"), scene)


def test_reduction_keeps_the_aspect_and_does_not_alias(tmp_path):
    checker = ((np.indices((600, 900)).sum(axis=0) % 2) * 255).astype(np.uint8)
    Image.fromarray(checker).save(tmp_path / "a.png")
    small = images.load_image(tmp_path / "a.png", max_side=120)
    assert small.shape == (80, 120, 3)
    np.testing.assert_allclose(small[4:-4, 4:-4], 127.5, atol=4)  # a single-pixel checker is grey from afar
    assert images.load_image(tmp_path / "a.png", max_side=5000).shape == (600, 900, 3)


def test_missing_folder_empty_and_odd_files(tmp_path):
    refused(tmp_path / "no.png", "no such file")
    refused(tmp_path, "folder")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "not a regular file")


def test_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("just words " * 50)
    refused(tmp_path / "a.png", "not a picture", "PNG")
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    refused(tmp_path / "a.svg", "not a picture")
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n%%EndComments\n")
    refused(tmp_path / "a.eps", "not a picture")  # formats that start programs are not even tried


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    path = tmp_path / f"a{suffix}"
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(path)


def test_damaged_bytes_never_give_a_traceback(tmp_path, scene):
    rng = np.random.default_rng(1)
    for suffix in (".png", ".jpg", ".webp", ".tif", ".bmp", ".gif"):
        path = tmp_path / f"a{suffix}"
        Image.fromarray(scene).save(path)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(25):
            damaged = data.copy()
            damaged[rng.integers(0, min(len(data), 200), 6)] = rng.integers(0, 256, 6)
            path.write_bytes(damaged.tobytes())
            try:
                assert images.load_image(path, max_side=64).dtype == np.uint8
            except InputFileError as error:
                assert "\n" not in str(error)


def png_header(width: int, height: int) -> bytes:
    """The start of a PNG file of this size, with hardly any data."""
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 64)),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("width, height", [(10_001, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_by_its_header(tmp_path, width, height):
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    message = refused(tmp_path / "bomb.png", "too large", "the limit is 100")
    assert re.search(r"megapixels", message)


def test_a_huge_file_is_refused_unread(tmp_path):
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(images.MAX_FILE_BYTES + 1)  # sparse: takes no disk space
    refused(path, "too large", "200 MB")


def test_tiny_and_narrow(tmp_path):
    Image.new("RGB", (31, 400)).save(tmp_path / "tiny.png")
    refused(tmp_path / "tiny.png", "too small", "31 x 400", "at least 32")
    Image.new("RGB", (40, 2000)).save(tmp_path / "narrow.png")
    refused(tmp_path / "narrow.png", "narrow", "crop", max_side=500)


def test_an_unreadable_file(tmp_path, scene, monkeypatch):
    path = tmp_path / "secret.png"
    Image.fromarray(scene).save(path)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything: let the operating system's answer be played

        def denied(*args, **kwargs):
            raise PermissionError(errno.EACCES, "Permission denied")

        monkeypatch.setattr(Image, "open", denied)
    refused(path, "may not be read")


def test_save_and_load(tmp_path, scene):
    images.save_image(tmp_path / "new" / "a.png", scene)
    np.testing.assert_array_equal(images.load_image(tmp_path / "new" / "a.png"), scene)
    images.save_image(tmp_path / "a.jpg", scene)
    assert np.abs(images.load_image(tmp_path / "a.jpg").astype(int) - scene).mean() < 3
    first = (tmp_path / "new" / "a.png").read_bytes()
    images.save_image(tmp_path / "new" / "a.png", scene)
    assert (tmp_path / "new" / "a.png").read_bytes() == first
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.png"]
    with pytest.raises(OutputError, match=r"a\.xyz.*\.png or \.jpg"):
        images.save_image(tmp_path / "a.xyz", scene)


def test_a_full_disk_leaves_the_old_picture(tmp_path, scene, monkeypatch):
    path = tmp_path / "a.png"
    images.save_image(path, scene)

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="no space left on the device"):
        images.save_image(path, scene[::-1])
    monkeypatch.undo()
    np.testing.assert_array_equal(images.load_image(path), scene)
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]
