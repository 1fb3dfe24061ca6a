"""An export is whole or absent, and never destroys what is not its own."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from export_case import NormalPrior, make_image_bundle, vector_generator

from ganapp.export import ExportError
from ganapp.export.bundle import Bundle
from ganapp.export.formats import FORMATS
from ganapp.export.formats.format import largest_difference
from ganapp.export.formats.litert import write_litert
from ganapp.export.package import export

LITERT = ("litert",)


def replace_writer(monkeypatch, write):
    monkeypatch.setitem(FORMATS, "litert", dataclasses.replace(FORMATS["litert"], write=write))


def contents(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))


def test_wrong_weights_leave_nothing(plain_bundle, another_bundle, tmp_path, monkeypatch):
    replace_writer(monkeypatch, lambda _, path: write_litert(another_bundle, path))
    with pytest.raises(ExportError, match=r"LiteRT .*differs .* by \d.*tolerance 0\.0001"):
        export(plain_bundle, tmp_path / "new" / "export", LITERT)
    assert contents(tmp_path) == []


def test_garbage_leaves_nothing(plain_bundle, tmp_path, monkeypatch):
    replace_writer(monkeypatch, lambda _, path: path.write_bytes(b"not a model"))
    with pytest.raises(ExportError, match=r"LiteRT artefact failed in a fresh process: .+"):
        export(plain_bundle, tmp_path / "export", LITERT)
    assert contents(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_interruption_leaves_nothing(plain_bundle, tmp_path, monkeypatch, error):
    def write(_, path):
        path.write_bytes(b"half")
        raise error

    replace_writer(monkeypatch, write)
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else ExportError
    with pytest.raises(expected) as caught:
        export(plain_bundle, tmp_path / "export", LITERT)
    assert expected is KeyboardInterrupt or "No space left" in str(caught.value)
    assert contents(tmp_path) == []


def test_file_in_the_way_is_refused(plain_bundle, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="`out` must be a directory"):
        export(plain_bundle, tmp_path / "file", LITERT)
    # Root may write anywhere, so a file as the parent stands for "cannot be written".
    with pytest.raises(ExportError, match=r"Not a directory"):
        export(plain_bundle, tmp_path / "file" / "export", LITERT)
    assert contents(tmp_path) == ["file"]


@pytest.mark.parametrize("formats", [("onyx",), (), ("litert", "litert")])
def test_bad_formats_are_refused(plain_bundle, tmp_path, formats):
    with pytest.raises(ExportError, match=r"`formats` must .*saved_model, litert.*Received: "):
        export(plain_bundle, tmp_path / "export", formats)
    assert contents(tmp_path) == []


def test_bundle_checks_its_parts():
    with pytest.raises(ExportError, match=r"`kind` must be one of .*kind='clip'"):
        make_image_bundle(kind="clip")
    with pytest.raises(ExportError, match=r"rank 4 .*shape=\(2, 2\)"):
        make_image_bundle(generator=vector_generator(), prior=NormalPrior(2))
    with pytest.raises(ExportError, match="must accept latents of the prior's size 5"):
        make_image_bundle(prior=NormalPrior(5))


def test_unconvertible_generator_names_the_operation(tmp_path):
    class Spectrum:
        """Stands in for a model: what counts is the operation LiteRT does not have."""

        variables, name = (), "spectrum"

        def get_build_config(self):
            return None

        def __call__(self, z, training=False):
            return tf.math.igamma(tf.abs(z), tf.abs(z))

    bundle = Bundle(
        name="igamma",
        generator=Spectrum(),
        prior=NormalPrior(2),
        to_user_units=tf.identity,
        kind="vector",
    )
    with pytest.raises(ExportError, match=r"could not be converted to LiteRT: .*Igamma"):
        write_litert(bundle, tmp_path / "model.tflite")
    assert contents(tmp_path) == []


def test_not_a_number_is_never_within_tolerance():
    assert largest_difference(np.array([0.0, np.nan]), np.zeros(2)) == np.inf
    assert largest_difference(np.array([0.0, -0.5]), np.zeros(2)) == 0.5
