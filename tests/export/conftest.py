"""The exports of this folder, made once: TensorFlow starts slowly."""

import shutil

import pytest
from export_case import image_generator, make_image_bundle, make_vector_bundle
from PIL import Image
from version_case import FORMATS, write_version

from export.exporter import export


@pytest.fixture(scope="session")
def image_bundle():
    return make_image_bundle(picture=Image.new("L", (16, 16)))


@pytest.fixture(scope="session")
def vector_bundle():
    return make_vector_bundle()


@pytest.fixture(scope="session")
def bfloat16_bundle():
    return make_image_bundle(generator=image_generator("mixed_bfloat16"))


@pytest.fixture(scope="session")
def image_export(image_bundle, tmp_path_factory):
    return export(image_bundle, tmp_path_factory.mktemp("image") / "export")


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


@pytest.fixture(scope="session")
def version_folders(tmp_path_factory):
    """A folder of models: digits (versions 1, in all formats, and 2), points, table."""
    models = tmp_path_factory.mktemp("served") / "models"
    write_version(models / "digits" / "1", formats=FORMATS)
    write_version(models / "digits" / "2", seed=1)
    write_version(models / "points" / "1", name="points", kind="vector")
    write_version(models / "table" / "1", name="table", kind="vector", graph=True)
    return models


@pytest.fixture
def models(version_folders, tmp_path):
    """A folder of models with the first version of digits."""
    shutil.copytree(version_folders / "digits" / "1", tmp_path / "models" / "digits" / "1")
    return tmp_path / "models"


@pytest.fixture
def second(version_folders):
    return version_folders / "digits" / "2"
