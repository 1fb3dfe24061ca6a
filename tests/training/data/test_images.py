"""One image of any kind: upright, 8 bits, the asked size and channels; bombs refused unread."""

import io

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from image_case import bomb, encoded, noise

from ganapp.training.data.images import BadImageError, as_pixels, open_image, own_limit

LIMIT = 10_000


def pixels(content, size=0, resize="crop", channels=3):
    return as_pixels(open_image(content, LIMIT).image, size=size, resize=resize, channels=channels)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "WEBP", "GIF", "TIFF", "PPM", "PCX", "SGI", "QOI"])
def test_lossless_kinds_are_read_to_the_bit(kind):
    levels = noise(0) // 86 * 85  # 27 colours, so that GIF's palette holds them all
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    image = PIL.Image.fromarray(levels)
    image = image.quantize(27) if kind == "GIF" else image
    np.testing.assert_array_equal(pixels(encoded(image, kind, **options)), levels)


def test_jpeg_is_read_as_it_is():
    smooth = np.broadcast_to(np.arange(0, 160, 10, dtype=np.uint8)[:, None, None], (16, 16, 3))
    got = pixels(encoded(smooth, "JPEG", quality=95))
    np.testing.assert_allclose(got.astype(int), smooth, atol=4)


def test_of_a_moving_picture_the_first_frame_is_taken():
    frames = [PIL.Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(pixels(content), np.broadcast_to([255, 0, 0], (9, 9, 3)))


def test_sixteen_bits_are_scaled_not_cut():
    levels = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    content = encoded(PIL.Image.fromarray(levels))
    expected = np.round(levels / 65535 * 255).astype(np.uint8)
    np.testing.assert_array_equal(pixels(content, channels=1)[..., 0], expected)


def test_one_bit_is_black_and_white():
    bits = noise(1, channels=1) > 127
    got = pixels(encoded(PIL.Image.fromarray(bits)), channels=1)
    np.testing.assert_array_equal(got[..., 0], bits * 255)


def test_what_is_transparent_becomes_white():
    colours = np.full((8, 8, 4), (200, 100, 0, 255), np.uint8)
    colours[:4, :, 3], colours[4, :, 3] = 0, 51  # a fifth
    got = pixels(encoded(colours))
    np.testing.assert_array_equal(got[0, 0], [255, 255, 255])
    np.testing.assert_allclose(got[4, 0], [244, 224, 204], atol=1)  # 255 - (255 - c) / 5
    np.testing.assert_array_equal(got[7, 0], [200, 100, 0])
    np.testing.assert_array_equal(pixels(encoded(colours), channels=4), colours)
    grey = PIL.Image.fromarray(np.full((8, 8, 2), (100, 0), np.uint8))
    np.testing.assert_array_equal(pixels(encoded(grey), channels=1), np.full((8, 8, 1), 255))


def test_a_palette_with_a_transparent_entry():
    image = PIL.Image.fromarray(np.eye(8, dtype=np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    got = pixels(encoded(image, transparency=1))
    np.testing.assert_array_equal(got[0, 0], [255, 255, 255])
    np.testing.assert_array_equal(got[0, 1], [10, 20, 30])


def test_cmyk_becomes_colours():
    image = PIL.Image.new("CMYK", (8, 8), (0, 255, 255, 0))  # red ink
    got = pixels(encoded(image, "JPEG", quality=95))
    np.testing.assert_allclose(got.astype(int), np.broadcast_to([255, 0, 0], (8, 8, 3)), atol=6)


def test_a_camera_held_sideways():
    image = PIL.Image.fromarray(noise(2, 10, 14))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # the top of the scene is at the right: turn it clockwise
    np.testing.assert_array_equal(
        pixels(encoded(image, "PNG", exif=exif)), np.rot90(noise(2, 10, 14), -1)
    )


def test_crop_takes_the_middle_pad_adds_black_stretch_takes_all():
    wide = np.zeros((8, 16, 3), np.uint8)
    wide[:, :4], wide[:, 4:12], wide[:, 12:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    content = encoded(wide)
    green = np.broadcast_to([0, 255, 0], (8, 8, 3))
    np.testing.assert_array_equal(pixels(content, 8, "crop"), green)
    padded = pixels(content, 16, "pad")
    np.testing.assert_array_equal(padded[4:12], wide)
    assert not padded[:4].any()
    assert not padded[12:].any()
    stretched = pixels(content, 8, "stretch")
    np.testing.assert_array_equal(stretched[:, [0, 3, 7]], wide[:, [0, 6, 15]])
    assert pixels(content).shape == (8, 16, 3)


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
def test_nothing_aliases(resize):
    """Stripes finer than the result become their mean; nearest or plain bilinear would beat."""
    stripes = np.zeros((90, 90, 3), np.uint8)
    stripes[:, ::2] = 254
    got = pixels(encoded(stripes), 9, resize).astype(int)
    assert np.abs(got - 127).max() <= 8


def test_reducing_keeps_a_ramp():
    """Bicubic is exact on straight lines: the middle of each of the eight parts, but at the rim."""
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 64, 0)
    got = pixels(encoded(ramp), 8, channels=1)[4, :, 0].astype(float)
    expected = ramp[0].reshape(8, 8).mean(axis=1)
    np.testing.assert_allclose(got[2:-2], expected[2:-2], atol=1)


def test_a_bomb_is_refused_from_its_header(monkeypatch):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(PIL.Image.Image, "load", load)
    with pytest.raises(BadImageError, match=r"12000 x 12000 pixels, more than 10,000"), own_limit():
        open_image(bomb(12_000), LIMIT)


def test_a_part_of_the_range_may_be_stretched():
    levels = np.linspace(0, 4095, 256).round().astype(np.uint16).reshape(16, 16)
    content = encoded(PIL.Image.fromarray(levels))
    assert open_image(content, LIMIT).highest == 4095
    found = np.asarray(open_image(content, LIMIT, bits=12).image)
    np.testing.assert_array_equal(found, np.arange(256).reshape(16, 16))
    with pytest.raises(BadImageError, match=r"values up to 4,095, more than `data.bits` allows"):
        open_image(content, LIMIT, bits=11)
    mask = encoded(np.eye(8, dtype=np.uint8))
    assert np.unique(np.asarray(open_image(mask, LIMIT, bits=1).image)).tolist() == [0, 255]
    clear = np.full((8, 8, 4), (15, 0, 5, 200), np.uint8)
    found = np.asarray(open_image(encoded(clear), LIMIT, bits=4).image)
    np.testing.assert_array_equal(found[0, 0], [255, 0, 85, 200])
    plain = np.arange(64, dtype=np.uint8).reshape(8, 8)  # a file of 8 bits among those of 16
    np.testing.assert_array_equal(open_image(encoded(plain), LIMIT, bits=12).image, plain)


def test_floating_point_images_are_shares_of_white():
    shares = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    content = encoded(PIL.Image.fromarray(shares), "TIFF")
    expected = np.round(shares.astype(float) * 255)
    np.testing.assert_array_equal(pixels(content, channels=1)[..., 0], expected)
    content = encoded(PIL.Image.fromarray(shares * 1000), "TIFF")
    with pytest.raises(BadImageError, match=r"from 0 to 1000 and not from 0 to 1; `data.bits`"):
        open_image(content, LIMIT)
    assert open_image(content, LIMIT, bits=10).image.getextrema()[1] == 249
    with pytest.raises(BadImageError, match="NaN or infinity"):
        open_image(encoded(PIL.Image.fromarray(shares / np.float32("nan")), "TIFF"), LIMIT)


@pytest.mark.parametrize(("size", "turned"), [(1 << 21, True), (1 << 25, False)])
def test_large_texts_in_a_file_are_no_reason(size, turned):
    """Of up to 16 MiB the turn is read, of larger ones nothing."""
    info = PIL.PngImagePlugin.PngInfo()
    xmp = '<x tiff:Orientation="6"/>' + " " * size
    info.add_itxt("XML:com.adobe.xmp", xmp, zip=True)
    content = encoded(noise(5, 10, 14), pnginfo=info)
    with own_limit():
        found = np.asarray(open_image(content, LIMIT).image)
    np.testing.assert_array_equal(found, np.rot90(noise(5, 10, 14), -1 if turned else 0))
    broken = content[:-30]
    with pytest.raises(BadImageError, match="cannot be decoded"), own_limit():
        open_image(broken, LIMIT)


def test_kinds_and_moving_pictures_are_told():
    still = open_image(encoded(PIL.Image.new("CMYK", (8, 8)), "JPEG"), LIMIT)
    assert (still.kind, still.moving) == ("CMYK", False)
    frames = [PIL.Image.new("L", (9, 9), shade) for shade in (0, 200)]
    for kind in ("GIF", "WEBP", "TIFF", "PNG"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        found = open_image(content, LIMIT)
        assert found.moving
        assert found.image.convert("L").getextrema()[1] < 9


def test_the_limit_is_ours_not_pillows():
    before = PIL.Image.MAX_IMAGE_PIXELS
    with own_limit():
        assert open_image(bomb(800), 640_000).image.size == (800, 800)
        assert PIL.Image.MAX_IMAGE_PIXELS is None
    assert before == PIL.Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "none of PNG, JPEG"),
        (b"<svg/>", "none of PNG, JPEG"),
        (encoded(noise(3))[:-200], "cannot be decoded"),
        (encoded(noise(3), "EPS"), "none of PNG, JPEG"),
    ],
)
def test_what_is_no_image_is_told(content, reason):
    with pytest.raises(BadImageError, match=reason):
        open_image(content, LIMIT)


def test_a_path_is_as_good_as_content(tmp_path):
    (tmp_path / "a.txt").write_bytes(encoded(noise(4)))
    np.testing.assert_array_equal(
        np.asarray(open_image(tmp_path / "a.txt", LIMIT).image),
        np.asarray(PIL.Image.open(io.BytesIO(encoded(noise(4))))),
    )
