"""The page of models that take a class, pictures and numbers, or give clips."""

import numpy as np
import pytest
from export_case import to_levels
from gallery_case import NEEDS_BROWSER, serving
from named_case import make_bundle, with_codes
from PIL import Image

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def named_address(named_folders):
    with serving(named_folders.parent) as address:
        yield address


@pytest.fixture
def named_page(named_address, page, monkeypatch):
    """The browser of all tests before another server: it still knows what it put into pages."""
    monkeypatch.setattr(page, "address", named_address)
    return page


def open_model(page, name, address="seed=3"):
    page.open(f"model={name}&{address}", wait=False)


def shown(page, observed=None, name="both", count=16, seed=3):
    """The largest difference between what the page shows and what the bundle makes."""
    bundle = make_bundle(name)
    drawn = bundle.draw(bundle.uniform_noise(count, seed))
    rows = {key: np.repeat(each[np.newaxis], count, 0) for key, each in (observed or {}).items()}
    samples = np.int32(to_levels(bundle.generate(drawn | rows)))[..., 0]
    if samples.ndim == 4:
        samples = np.concatenate([*np.moveaxis(samples, 1, 0)], axis=-1)
    found = np.array(page.pixels(".tile canvas")).reshape(samples.shape)
    return np.abs(found - samples).max()


def test_pictures_and_numbers_are_asked_for(named_page, tmp_path):
    page, random = named_page, np.random.default_rng(0)
    levels = random.integers(0, 256, (3, 4, 4), np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, each in zip(paths, levels, strict=True):
        Image.fromarray(each).save(path)
    open_model(page, "both")
    page.says("Give frames and speed to draw samples.")
    assert not page.find("#main").is_displayed()
    files = page.find("#observations input[type=file]")
    files.send_keys("\n".join(map(str, paths[:2])))
    page.until("document.querySelector('#observations input').validationMessage.length > 0")
    page.run("document.querySelector('#observations input').value = ''")
    files.send_keys("\n".join(map(str, paths)))
    page.find("#observations input[type=text]").send_keys("0.5, -1\t")
    page.drawn()
    assert len(page.all(".thumbnails img")) == 3
    frames = np.moveaxis(levels, 0, -1) / np.float32(127.5) - 1
    observed = {"frames": frames, "speed": np.float32([0.5, -1])}
    assert shown(page, observed) <= 1
    page.walks(1, 4)
    ends = [page.pixels("#walk-strip canvas")[place] for place in (0, 7)]
    tiles = [page.pixels(".tile canvas")[place] for place in (1, 4)]
    assert np.abs(np.subtract(ends, tiles)).max() <= 1
    url = "document.querySelector('#after').toDataURL()"
    unchanged = page.run(f"return {url}")
    page.set("#sliders label:first-child input", 2.5)
    page.until(f"{url} !== '{unchanged}'")
    page.find("#download").click()
    with Image.open(page.downloaded("both-seed3.png")) as png:
        assert png.size == (22, 22)
    assert page.errors() == []


def test_a_class_of_its_own(named_page):
    open_model(named_page, "labelled")
    named_page.drawn()
    assert not named_page.find("#observations").is_displayed()
    assert shown(named_page, name="labelled") <= 1
    named_page.set("#class", "all")
    named_page.counts(".row", 3)
    named_page.walks(0, 20)
    assert named_page.errors() == []


def test_codes_are_set_by_their_names(named_page):
    page = named_page
    open_model(page, "labelled")
    page.drawn()
    assert not page.find("#codes").is_displayed()
    open_model(page, "coded")
    page.drawn()
    assert [each.text.split("\n")[0] for each in page.all("#codes label")] == [
        "shape",
        "code.0",
        "code.1",
    ]
    assert not page.find("#codes button").is_enabled()
    page.set("#codes [data-code='shape']", 2)
    page.drawn()
    page.set("#codes [data-code='code.0']", 0.6)
    page.drawn()
    page.until("location.hash.includes('code=shape%3D2&code=code.0%3D0.6')")
    bundle = make_bundle("coded")
    drawn = with_codes(bundle.draw(bundle.uniform_noise(6, 3)), 2, 0.6)
    clips = np.int32(to_levels(bundle.generate(drawn)))[..., 0]
    clips = np.concatenate([*np.moveaxis(clips, 1, 0)], axis=-1)
    found = np.array(page.pixels(".tile canvas")).reshape(clips.shape)
    assert np.abs(found - clips).max() <= 1
    page.find("#codes button").click()
    page.drawn()
    page.until("!location.hash.includes('code=')")
    assert shown(page, name="coded", count=6) <= 1
    assert page.errors() == []


def test_clips_are_strips_of_frames(named_page):
    open_model(named_page, "coded")
    named_page.drawn()
    assert shown(named_page, name="coded", count=6) <= 1
    named_page.walks(0, 1)
    size = "[document.querySelector('#walk-canvas')].map((c) => [c.width, c.height])[0]"
    assert named_page.run(f"return {size}") == [12, 4]
    assert named_page.errors() == []
