"""The page of a model with an encoder: two pictures of a person's own, and what lies between."""

import io

import keras
import numpy as np
import pytest
from export_case import make_labelled_bundle
from gallery_case import NEEDS_BROWSER, serving
from keras import layers
from one_process import one_process
from PIL import Image

from ganapp.export.package import export

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def encoder_address(tmp_path_factory):
    keras.utils.set_random_seed(5)
    x = keras.Input((8, 8, 1))
    encoder = keras.Model(x, {"z": layers.Dense(8)(layers.Flatten()(x))})
    bundle = make_labelled_bundle(2, encoder=encoder)
    folder = tmp_path_factory.mktemp("between")
    with one_process():
        export(bundle, folder / "export", ("litert",), name="digits")
    with serving(folder / "export") as address:
        yield address


@pytest.fixture
def encoder_page(encoder_address, page, monkeypatch):
    """The browser of all tests before another server: it still knows what it put into pages."""
    monkeypatch.setattr(page, "address", encoder_address)
    return page


def test_two_pictures_are_asked_for_and_joined(encoder_page, tmp_path):
    page, random = encoder_page, np.random.default_rng(0)
    paths = [tmp_path / "from.png", tmp_path / "to.png"]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(path)
    page.open("model=digits&seed=3")
    assert page.find("#between").is_displayed()
    assert not page.find("#between-body").is_displayed()
    for name, path in zip(("from", "to"), paths, strict=True):
        page.find(f"#between-{name}").send_keys(str(path))
    page.says("Choose a class above: a picture does not say its own.")
    page.open("model=digits&seed=3&class=1")
    for name, path in zip(("from", "to"), paths, strict=True):
        page.find(f"#between-{name}").send_keys(str(path))
    page.until("document.querySelector('#between-picture').naturalWidth === 8")
    assert page.find("#between-body").is_displayed()
    page.driver.save_screenshot(str(tmp_path / "page.png"))
    page.find("#between-download").click()
    content = page.downloaded("digits-between.gif").read_bytes()
    with Image.open(io.BytesIO(content)) as gif:
        assert (gif.size, gif.n_frames) == ((8, 8), 24)
    assert page.errors() == []


def test_models_without_an_encoder_ask_for_none(page):
    page.open("model=digits&seed=3")
    assert not page.find("#between").is_displayed()
