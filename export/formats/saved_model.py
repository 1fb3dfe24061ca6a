"""SavedModel: the generator and its prior as TensorFlow graphs, loadable without our code."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats.format import (
    EXACT,
    Arrays,
    Format,
    Runtime,
    check_close,
    first_line,
    largest_difference,
)
from ganapp.export.stderr import native_stderr

if TYPE_CHECKING:
    from ganapp.export.bundle import Bundle

COUNT, SEED = 8, 7
TRUNCATIONS = (0.0, 0.5, 1.0)
CLASSES = (0, 1)  # whoever has classes has two
DRAWN_TOLERANCE = 1e-5  # between runtimes, whose logarithms differ in the last digit
USAGE = """\
{numpy}import tensorflow as tf
model = tf.saved_model.load("{path}")
asked = {options}{observations}
drawn = model.signatures["{drawing}"](**{{k: tf.constant(v) for k, v in asked.items()}})
samples = drawn["samples"].numpy()  # {units}
{output} = model.signatures["serving_default"]({drawn})["{output}"].numpy()"""
ENCODER_USAGE = """\
import numpy as np
import tensorflow as tf
model = tf.saved_model.load("{path}")
{draw}
given = {{{dictionary}}}
found = model.signatures["encode"](**{{k: tf.constant(v) for k, v in given.items()}})
# {outputs}: float32 tensors of `found`"""
TRUNCATED = """
# Nearer to the likeliest latents, hence more alike: truncation from 1 (as above) to 0.
asked["truncation"] = 0.7
drawn = model.signatures["{drawing}"](**{{k: tf.constant(v) for k, v in asked.items()}})
typical = drawn["samples"].numpy()"""


def write_saved_model(bundle: "Bundle", path: Path) -> None:
    """Writes a SavedModel with the signatures of `ganapp.export.graphs.signature_functions`.

    Inputs that would do nothing are left out, for they would let people believe in an effect:
    `class` of a generator without classes, `truncation` of a prior that does not truncate. Other
    files in the directory stay. `ExportError` where a graph holds something a SavedModel cannot.
    """
    import tensorflow as tf

    from ganapp.export import graphs

    try:
        with native_stderr():
            signatures = graphs.signature_functions(bundle)
            networks = [bundle.generator, *([bundle.encoder] if bundle.encoder else [])]
            graphs.save(graphs.variables_of(*networks), signatures, path)
    except (AssertionError, TypeError, ValueError, tf.errors.OpError) as error:
        raise ExportError(
            f"The generator could not be saved as a SavedModel: {first_line(error)}"
        ) from error


class SavedModelProcess:
    """A SavedModel as plain TensorFlow loads it."""

    def __init__(self, path: str, output: str) -> None:
        import tensorflow as tf

        self.tf = tf
        self.path, self.model = path, tf.saved_model.load(path)

    def __call__(self, inputs: "Arrays") -> "dict[str, np.ndarray]":
        return self.call("serving_default", inputs)

    def call(self, signature: str, inputs: "Arrays") -> "dict[str, np.ndarray]":
        given = {name: self.tf.constant(value) for name, value in inputs.items()}
        return {k: v.numpy() for k, v in self.model.signatures[signature](**given).items()}

    def draw(self, requests: "Mapping[str, Arrays]") -> "dict[str, dict[str, np.ndarray]]":
        """Everything that the signature which draws gives, asked all its inputs by request.

        Returns its outputs by request; `session`, those of the first request in a session that
        leaves out what has a default; `png`, the pictures of the first request as `samples`, where
        there is a signature for them; `signature`, the names of its `inputs`.
        """
        name = "sample" if "sample" in self.model.signatures else "generate"
        # Python calls the input `class_`, for it cannot call it anything else, and takes both.
        arguments = self.model.signatures[name].structured_input_signature[1]
        inputs = sorted(argument.rstrip("_") for argument in arguments)
        found = {"signature": {"inputs": np.array(inputs)}}
        for request, given in requests.items():
            if sorted(given) == inputs:
                found[request] = self.call(name, given)
        first = requests["first"]
        found["session"] = self.in_session(name, first)
        if f"{name}_png" in self.model.signatures and sorted(first) == inputs:
            files = self.call(f"{name}_png", first)["image_bytes"]
            found["png"] = {"samples": np.stack([self.pixels(file) for file in files])}
        return found

    def in_session(self, name: str, given: "Arrays") -> "dict[str, np.ndarray]":
        """Outputs in a session, as TensorFlow Serving runs it."""
        v1 = self.tf.compat.v1
        with self.tf.Graph().as_default(), v1.Session() as session:
            signature = v1.saved_model.load(session, ["serve"], self.path).signature_def[name]
            inputs = {k: v.name for k, v in signature.inputs.items() if k not in signature.defaults}
            feeds = {inputs[k]: value for k, value in given.items() if k in inputs}
            return session.run({k: v.name for k, v in signature.outputs.items()}, feeds)

    @staticmethod
    def pixels(file: bytes) -> "np.ndarray":
        """The pixels of a PNG, `(height, width, channels)`, by another library than wrote it."""
        import io

        import PIL.Image

        with PIL.Image.open(io.BytesIO(file), formats=("PNG",)) as picture:
            found = np.asarray(picture)
        return found if found.ndim == 3 else found[..., np.newaxis]


class SavedModelEncoderProcess:
    """The signature `encode` of a SavedModel as plain TensorFlow loads it.

    `output` names its outputs with commas between them, which it gives side by side under it.
    """

    def __init__(self, path: str, output: str) -> None:
        import tensorflow as tf

        self.tf, self.output = tf, output
        self.model = tf.saved_model.load(path)

    def __call__(self, inputs: "Arrays") -> "dict[str, np.ndarray]":
        given = {name: self.tf.constant(value) for name, value in inputs.items()}
        found = self.model.signatures["encode"](**given)
        parts = [found[name].numpy() for name in self.output.split(",")]
        return {self.output: np.concatenate(parts, axis=1)}


def requests(bundle: "Bundle") -> dict[str, dict[str, np.ndarray]]:
    """Requests of the signature that draws, each with all of its inputs, by name."""
    from ganapp.export.bundle import OPTION_TYPES, PARITY

    first: dict[str, int | float] = dict(bundle.options)
    first |= {"seed": SEED} if bundle.observed else {"count": COUNT, "seed": SEED}
    wanted = {"first": {}, "again": {}, "other": {"seed": SEED + 1}}
    if "truncation" in first:
        wanted |= {f"truncated {each}": {"truncation": each} for each in TRUNCATIONS}
    if "class" in first:
        wanted |= {f"class {each}": {"class": each} for each in CLASSES}
    if {"class", "truncation"} <= first.keys():
        wanted["both"] = {"class": CLASSES[-1], "truncation": TRUNCATIONS[1]}
    examples = bundle.example_inputs(COUNT, stream=PARITY)
    observations = {each.name: examples[each.name] for each in bundle.observed}
    return {
        name: {k: OPTION_TYPES[k](v) for k, v in (first | change).items()} | observations
        for name, change in wanted.items()
    }


def check_draws(
    bundle: "Bundle", title: str, found: Mapping[str, Arrays], tolerance: float = EXACT
) -> float:
    """The largest difference in user units of what was drawn from what prior and generator give.

    Samples may differ by `tolerance` in model units; for `found` see `SavedModelProcess.draw`.

    Raises:
        ExportError: the signature has other inputs than the bundle has a use for, one seed gave
            two results, two seeds gave one, drawn inputs are not what the prior makes of the same
            noise, a class was not obeyed, an input with a default could not be left out, or
            samples or pictures are wrong.
    """
    prefix = f"The `{bundle.drawing}` signature of the {title} artefact"
    wanted = requests(bundle)
    names, received = sorted(wanted["first"]), [*map(str, found["signature"]["inputs"])]
    if received != names:
        raise ExportError(
            f"{prefix} must take {', '.join(names)}, which have an effect with the prior "
            f"{bundle.prior.name!r}. Received: {', '.join(received)}"
        )
    for other, sentence in (
        ("again", "for the same seed"),
        ("session", "in a session that leaves the inputs with defaults out"),
    ):
        pairs = [(found["first"][name], found[other][name]) for name in found["first"]]
        if any(a.shape != b.shape or largest_difference(a, b, missing=True) for a, b in pairs):
            raise ExportError(f"{prefix} gave different samples {sentence}.")
    drawn = [each.drawn_name for each in bundle.drawn]
    if drawn and all(np.array_equal(found["first"][x], found["other"][x]) for x in drawn):
        raise ExportError(f"{prefix} gave the same latents for different seeds.")
    differences = list(_sample_differences(bundle, prefix, wanted, found, tolerance))
    _check_pictures(bundle, title, found)
    return max(differences)


def _sample_differences(
    bundle: "Bundle",
    prefix: str,
    wanted: Mapping[str, Arrays],
    found: Mapping[str, Arrays],
    tolerance: float,
) -> Iterator[float]:
    for request, given in wanted.items():
        outputs = found[request]
        verify_drawn_inputs(bundle, prefix, outputs, given)
        inputs = {each.name: outputs[each.drawn_name] for each in bundle.drawn}
        inputs |= {each.name: given[each.name] for each in bundle.observed}
        samples, expected = outputs["samples"], bundle.to_user_units(bundle.samples(inputs))
        yield check_close(prefix, "the Keras generator", samples, np.asarray(expected), tolerance)


def verify_drawn_inputs(bundle: "Bundle", prefix: str, outputs: Arrays, given: Arrays) -> None:
    """Checks what `prefix` drew, by name of the output, against prior and shares of classes."""
    from ganapp.export.bundle import AS_DRAWN, WHOLE

    count = int(given["count"]) if "count" in given else len(given[bundle.observed[0].name])
    class_ = int(given.get("class", AS_DRAWN))
    noise = bundle.uniform_noise(count, given["seed"])
    wanted = bundle.draw(noise, class_, given.get("truncation", WHOLE))
    what = ", ".join(f"{name} {value}" for name, value in given.items() if not np.ndim(value))
    for each in bundle.drawn:
        found, expected = outputs[each.drawn_name], np.asarray(wanted[each.name])
        if found.shape != expected.shape:
            raise ExportError(
                f"{prefix} must return `{each.drawn_name}` {expected.shape} for {what}. "
                f"Received: {found.shape}"
            )
        difference = largest_difference(found, expected)
        if not difference <= DRAWN_TOLERANCE:
            raise ExportError(
                f"{prefix} differs from the prior's {each.drawn_name} for {what} by "
                f"{difference:.3g}, more than the tolerance {DRAWN_TOLERANCE:.3g}."
            )
    if class_ == AS_DRAWN:
        return
    labels = next(outputs[each.drawn_name] for each in bundle.drawn if each.role == "label")
    if not np.array_equal(labels, np.eye(bundle.classes)[[class_] * count]):
        raise ExportError(f"{prefix} drew other classes than the one asked for, for {what}.")


def _check_pictures(bundle: "Bundle", title: str, found: Mapping[str, Arrays]) -> None:
    prefix = f"The `{bundle.drawing}_png` signature of the {title} artefact"
    pictures = found.get("png", {}).get("samples")
    if (pictures is not None) != bundle.has_png:
        verb = "is missing" if bundle.has_png else "must not exist"
        raise ExportError(f"{prefix} {verb} for samples of shape {bundle.shape}.")
    if pictures is not None and not np.array_equal(pictures, found["first"]["samples"]):
        raise ExportError(f"{prefix} gave other pixels than `{bundle.drawing}` for the same seed.")


SAVED_MODEL = Format(
    name="saved_model",
    title="SavedModel",
    path=".",
    encoder_path=".",
    encoder_runtime=Runtime(
        name="saved_model_encoder",
        title="TensorFlow",
        process=SavedModelEncoderProcess,
        usage=ENCODER_USAGE,
    ),
    runtime=Runtime(
        name="saved_model",
        title="TensorFlow",
        process=SavedModelProcess,
        usage=USAGE,
        truncated=TRUNCATED,
    ),
    write=write_saved_model,
    requests=requests,
    check_draws=check_draws,
)
