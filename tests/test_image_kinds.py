"""What phones, scanners and painting programs write comes in as it is seen; what cannot be read is named."""

from __future__ import annotations

import cv2
import icc
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image
from skimage.color import lab2rgb

from portrait_pipeline.base import images
from portrait_pipeline.base.errors import InputFileError

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth, different in every corner and channel."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 3 * x, 30 + 4 * y, 200 - x - y], axis=2).astype(np.uint8)


@pytest.fixture
def heic():
    """Writes a HEIC file; the package itself only reads."""

    def write(path, rgb, **options):
        pillow_heif.from_pillow(Image.fromarray(rgb)).save(path, quality=95, **options)

    return write


def off(path, expected) -> float:
    """Mean difference of a file's picture from what is expected, in levels."""
    return float(np.abs(images.load_image(path).astype(int) - expected).mean())


def test_heic_under_any_name_and_avif(tmp_path, scene, heic):
    heic(tmp_path / "a.heic", scene)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.heic").read_bytes())  # as chat programs rename them
    Image.fromarray(scene).save(tmp_path / "a.avif", quality=95)
    for name in ("a.heic", "b.jpg", "a.avif"):
        assert off(tmp_path / name, scene) < 4, name
        assert not images.holds_several(tmp_path / name)


def test_turned_phone_pictures_come_upright(tmp_path, scene, heic):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.ascontiguousarray(np.rot90(scene, 1))
    heic(tmp_path / "a.heic", stored, exif=exif.tobytes())
    Image.fromarray(stored).save(tmp_path / "a.avif", quality=95, exif=exif)
    for name in ("a.heic", "a.avif"):
        assert images.image_size(tmp_path / name) == (HEIGHT, WIDTH)
        assert off(tmp_path / name, scene) < 4, name


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tif", ".avif", ".png", ".heic"])
def test_the_first_of_several_pictures_counts(tmp_path, scene, suffix):
    path = tmp_path / f"a{suffix}"
    frames = [Image.fromarray(picture) for picture in (scene, 255 - scene, scene // 2)]
    if suffix == ".heic":
        file = pillow_heif.from_pillow(frames[0])
        for frame in frames[1:]:
            file.add_from_pillow(frame)
        file.save(path, quality=95)
    else:
        frames[0].save(path, save_all=True, append_images=frames[1:])
    assert off(path, scene) < (25 if suffix == ".gif" else 8)
    assert images.holds_several(path)


def test_a_camera_preview_behind_the_picture_is_no_second_picture(tmp_path, scene):
    Image.fromarray(scene).save(
        tmp_path / "a.jpg", "MPO", save_all=True, append_images=[Image.fromarray(255 - scene)], quality=95
    )
    assert off(tmp_path / "a.jpg", scene) < 4
    assert not images.holds_several(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint16, np.uint32])
@pytest.mark.parametrize("compression", [1, 5, 8])  # none, LZW, deflate
def test_tiff_of_16_32_and_64_bits(tmp_path, scene, kind, compression):
    top = 1.0 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
    values = (scene / 255 * top).astype(kind)
    for name, array in (("colour.tif", values[:, :, ::-1]), ("grey.tif", values[:, :, 0])):
        cv2.imwrite(str(tmp_path / name), array, [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    np.testing.assert_allclose(images.load_image(tmp_path / "colour.tif"), scene, atol=1)
    grey = np.repeat(scene[:, :, :1], 3, axis=2)
    np.testing.assert_allclose(images.load_image(tmp_path / "grey.tif"), grey, atol=1)


def test_a_few_highlights_do_not_darken_a_float_picture(tmp_path, scene):
    bright = (scene[:, :, ::-1] / 255).astype(np.float32)
    bright[0, 0] = 9.0
    cv2.imwrite(str(tmp_path / "a.tif"), bright)
    np.testing.assert_allclose(images.load_image(tmp_path / "a.tif")[1:], scene[1:], atol=1)


def test_display_p3_is_converted_whatever_its_name(tmp_path, scene):
    linear = np.where(scene <= 10.31475, scene / 255 / 12.92, ((scene / 255 + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(icc.P3) @ np.linalg.inv(icc.SRGB), 0, 1)
    expected = 255 * np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    assert np.abs(expected - scene).max() > 15
    for name in ("Display P3", "sRGB IEC61966-2.1"):
        Image.fromarray(scene).save(tmp_path / "a.png", icc_profile=icc.rgb_profile(icc.P3, name))
        np.testing.assert_allclose(images.load_image(tmp_path / "a.png"), expected, atol=2)
    pixels = np.dstack([scene, np.full((HEIGHT, WIDTH), 255, np.uint8)])
    Image.fromarray(pixels).save(tmp_path / "a.png", icc_profile=icc.rgb_profile(icc.P3, "sRGB"))
    np.testing.assert_allclose(images.load_image(tmp_path / "a.png"), expected, atol=2)


def test_srgb_under_another_name_stays_to_the_bit(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "a.png", icc_profile=icc.rgb_profile(icc.SRGB, "monitor of Tuesday"))
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png"), scene)


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_cmyk_is_printed_as_its_profile_says(tmp_path, suffix):
    paper, cyan, magenta = (100.0, 0.0, 0.0), (55.0, -30.0, -40.0), (50.0, 60.0, -5.0)
    lab = np.zeros((2, 2, 2, 2, 3))
    lab[0, 0, 0, 0], lab[1, 0, 0, 0], lab[0, 1, 0, 0] = paper, cyan, magenta
    inks = np.zeros((HEIGHT, 96, 4), np.uint8)
    inks[:, 32:64, 0] = inks[:, 64:, 1] = 255
    path = tmp_path / f"a{suffix}"
    Image.fromarray(inks, "CMYK").save(path, icc_profile=icc.cmyk_profile(lab), quality=98)
    rgb = images.load_image(path)
    for column, colour in ((10, paper), (48, cyan), (86, magenta)):
        expected = 255 * lab2rgb(np.array(colour))
        np.testing.assert_allclose(rgb[20, column], expected, atol=8, err_msg=str(colour))


def test_black_and_white(tmp_path, scene):
    ink = scene[:, :, 1] > 100
    Image.fromarray(ink).save(tmp_path / "1.tif", compression="group4")
    Image.fromarray(ink).save(tmp_path / "1.png")
    tifffile.imwrite(
        tmp_path / "white_is_zero.tif", 65535 - scene[:, :, 1].astype(np.uint16) * 257, photometric="miniswhite"
    )
    for name, expected in (("1.tif", ink * 255), ("1.png", ink * 255), ("white_is_zero.tif", scene[:, :, 1])):
        np.testing.assert_array_equal(images.load_image(tmp_path / name), np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize(
    "start, words",
    [
        (b"%PDF-1.7", "a PDF document"),
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
        (b"\0\0\0\x18ftypmp42", "a video"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, start, words):
    (tmp_path / "a.jpg").write_bytes(start.ljust(200, b"\0"))
    with pytest.raises(InputFileError, match=rf"a\.jpg: .*{words}.*(give|save).*PNG"):
        images.load_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind, options", [("f2", {}), ("u2", {"planarconfig": "separate"})])
def test_a_tiff_that_would_be_misread_is_refused(tmp_path, scene, kind, options):
    values = scene.astype(kind)
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(values, -1, 0) if options else values, photometric="rgb", **options
    )
    with pytest.raises(InputFileError, match="a TIFF of a kind that cannot be read; give a PNG"):
        images.load_image(tmp_path / "a.tif")


def test_a_raw_file_is_not_taken_for_its_preview(tmp_path, scene):
    Image.fromarray(scene).save(tmp_path / "a.tif", tiffinfo={50706: b"\1\4\0\0"})
    with pytest.raises(InputFileError, match="raw file"):
        images.load_image(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".heic", ".avif", ".tif"])
def test_damaged_phone_pictures_give_one_line(tmp_path, scene, heic, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".heic":
        heic(path, scene)
    elif suffix == ".avif":
        Image.fromarray(scene).save(path)
    else:
        cv2.imwrite(str(path), scene.astype(np.float32))
    whole = path.read_bytes()
    rng = np.random.default_rng(2)
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputFileError):
            images.load_image(path)
    for _ in range(40):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[rng.integers(0, min(len(whole), 400), 6)] = rng.integers(0, 256, 6)
        path.write_bytes(damaged.tobytes())
        try:
            assert images.load_image(path, max_side=64).dtype == np.uint8
        except InputFileError as error:
            assert "\n" not in str(error)
