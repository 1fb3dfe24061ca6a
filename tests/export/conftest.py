"""The exports of this folder, made once: TensorFlow starts slowly."""

import functools

import pytest
from export_case import image_generator, levels_judge, make_image_bundle, make_vector_bundle
from PIL import Image

from export import exporter, losses
from export.exporter import export
from export.parity import JUDGED_BATCH
from export.speed import measure


@pytest.fixture(scope="session", autouse=True)
def quick():
    """Speeds and figures are measured, and need not be right: nothing here asks how good."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "JUDGED", 2 * JUDGED_BATCH)
        patch.setattr(exporter, "measure", functools.partial(measure, rounds=1, seconds=0.0))
        yield


@pytest.fixture(scope="session")
def image_bundle():
    return make_image_bundle(picture=Image.new("L", (16, 16)), judge=levels_judge)


@pytest.fixture(scope="session")
def vector_bundle():
    return make_vector_bundle()


@pytest.fixture(scope="session")
def bfloat16_bundle():
    return make_image_bundle(generator=image_generator("mixed_bfloat16"))


@pytest.fixture(scope="session")
def image_export(image_bundle, tmp_path_factory):
    """With every format there is."""
    return export(image_bundle, tmp_path_factory.mktemp("image") / "export", ("all",))


@pytest.fixture(scope="session")
def vector_export(vector_bundle, tmp_path_factory):
    return export(vector_bundle, tmp_path_factory.mktemp("vector") / "export")


@pytest.fixture(scope="session")
def bfloat16_export(bfloat16_bundle, tmp_path_factory):
    return export(bfloat16_bundle, tmp_path_factory.mktemp("bfloat16") / "export", ("litert",))


@pytest.fixture(scope="session")
def another_image_bundle():
    """Same architecture, other weights: what a corrupt writer writes."""
    return make_image_bundle(generator=image_generator(seed=9))
