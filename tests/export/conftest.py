"""The exports of this folder, made once: TensorFlow starts slowly."""

import fcntl
import functools
import json
import os
import shutil
import types

import pytest
from export_case import (
    dense_image_generator,
    image_generator,
    levels_judge,
    make_image_bundle,
    make_vector_bundle,
)
from named_case import write_models as write_named
from one_process import one_process
from PIL import Image
from tensorflow.lite.python import lite
from version_case import FORMATS, write_version

from ganapp.export import package
from ganapp.export.package import export
from ganapp.export.worker import measure_speed


@pytest.fixture(scope="session", autouse=True)
def quick():
    """Speeds and figures are measured, and need not be right: nothing here asks how good.

    A converter collects garbage once, through all that the tests before have made.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "gc", types.SimpleNamespace(collect=lambda: 0))
        patch.setattr(package, "FIGURE_SAMPLES", 2 * package.FIGURE_BATCH)
        quickly = functools.partial(measure_speed, rounds=1, seconds=0.0)
        patch.setattr(package, "measure_speed", quickly)
        yield


@pytest.fixture(scope="session")
def image_bundle():
    picture = Image.new("L", (16, 16))
    return make_image_bundle(generator=image_generator(), picture=picture, judge=levels_judge)


@pytest.fixture(scope="session")
def vector_bundle():
    return make_vector_bundle()


@pytest.fixture(scope="session")
def bfloat16_bundle():
    return make_image_bundle(generator=image_generator("mixed_bfloat16"))


@pytest.fixture
def here():
    """Exports of the test are verified in its process."""
    with one_process():
        yield


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
    """Folders that all processes of one run of pytest share, made by whoever comes first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def folder(name, make):
        folder, whole = shared / name, shared / f"{name}.whole"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return folder


@pytest.fixture(scope="session")
def shared_export(shared_folder):
    """What `export` returned of an export to a shared folder."""

    def exported(name, bundle, *formats):
        def make(folder):
            card = export(bundle, folder / "export", *formats)
            text = json.dumps(card)
            assert json.loads(text) == card  # what others read is what was returned
            (folder / "returned.json").write_text(text)

        return json.loads((shared_folder(name, make) / "returned.json").read_text())

    return exported


@pytest.fixture(scope="session")
def image_export(image_bundle, shared_export):
    """With every format there is, each verified in a fresh process."""
    return shared_export("image", image_bundle, ("all",))


@pytest.fixture(scope="session")
def vector_export(vector_bundle, shared_export):
    """Verified in this process; test_export_verify.py does it in fresh ones."""
    with one_process():
        return shared_export("vector", vector_bundle)


@pytest.fixture(scope="session")
def bfloat16_export(bfloat16_bundle, shared_export):
    return shared_export("bfloat16", bfloat16_bundle, ("litert",))


@pytest.fixture(scope="session")
def plain_bundle():
    """As `image_bundle`, of a network of two layers: for where the network does not matter."""
    return make_image_bundle(picture=Image.new("L", (16, 16)))


@pytest.fixture(scope="session")
def another_bundle():
    """Same architecture, other weights and no picture: what a corrupt writer writes."""
    return make_image_bundle(generator=dense_image_generator(seed=9))


@pytest.fixture(scope="session")
def version_folders(shared_folder):
    """A folder of models: digits (versions 1, in all formats, and 2), points, table."""

    def make(models):
        write_version(models / "digits" / "1", formats=FORMATS)
        write_version(models / "digits" / "2", seed=1)
        write_version(models / "points" / "1", name="points", kind="vector")
        write_version(models / "table" / "1", name="table", kind="vector", graph=True)

    return shared_folder("models", make)


@pytest.fixture(scope="session")
def named_folders(shared_folder):
    """A folder of models that take more than a latent, see named_case.py."""
    return shared_folder("named", write_named) / "models"


@pytest.fixture
def models(version_folders, tmp_path):
    """A folder of models with the first version of digits."""
    shutil.copytree(version_folders / "digits" / "1", tmp_path / "models" / "digits" / "1")
    return tmp_path / "models"


@pytest.fixture
def second(version_folders):
    return version_folders / "digits" / "2"
