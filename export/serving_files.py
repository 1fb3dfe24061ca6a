"""What a version folder holds around its artefacts, so that it can be served as it is.

`serving.json` says what a server must know, without TensorFlow and our code; `latents.tflite`
makes inputs of the generator of uniform noise, as the SavedModel does; where needed
`units.tflite` makes the user's units of its output; requests warm a SavedModel up.
"""

import dataclasses
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from ganapp.export import ExportError, graphs
from ganapp.export.bundle import OPTION_TYPES, SAMPLES, Bundle
from ganapp.export.formats.format import Arrays, check_close, first_line
from ganapp.export.formats.litert import LITERT
from ganapp.export.formats.saved_model import COUNT, requests, verify_drawn_inputs
from ganapp.export.layout import ENCODE, EXTRA, LATENTS, UNITS, Json, write_serving
from ganapp.export.stderr import native_stderr
from ganapp.export.worker import Artefact, Worker
from ganapp.models.tensors import LATENT, Tensors

SCHEMA = "ganapp-serving/1"
TABLE_FIELDS = ("name", "kind", "categories", "missing", "value", "minimum", "maximum", "decimals")
WRITTEN_FIELDS = ("form", "first", "before", "width", "unique")  # where samples say otherwise
UNIT_TOLERANCE = 1e-5  # of a sample's largest value
TIMEOUT_SECONDS = 300
WARM_UP = f"{EXTRA}/tf_serving_warmup_requests"
WARM_UP_BATCHES, WARM_UP_SEED = (1, 16), 1
DIRECTIONS, LATENTS_OF_DIRECTIONS, DIRECTIONS_SEED = 8, 64, 0x5A14
STEP = 0.05  # of a central difference: an error of its square, and no rounding of float32
AT_ONCE = 2**24  # numbers of samples that are held at a time


def write_serving_files(
    bundle: Bundle,
    version_folder: Path,
    *,
    name: str,
    artefacts: Mapping[str, str],
    encoders: Mapping[str, str] | None = None,
) -> None:
    """Writes what a server needs besides the artefacts, verified in a fresh process.

    `serving.json` comes last: its presence tells that the folder is whole. For files added later
    see `update_serving`.

    Args:
        bundle: what was exported, computing in float32.
        version_folder: with the artefacts in it.
        name: of the model.
        artefacts: path inside the folder by format, `"."` for a SavedModel.
        encoders: likewise of the encoder, where there is one.
    """
    (version_folder / EXTRA).mkdir(exist_ok=True)
    document = serving_document(bundle, name=name, artefacts=artefacts)
    if encoders:
        document["encoder"] = bundle.encoder_bundle.described() | {"artefacts": dict(encoders)}
    if bundle.drawn:
        write_latents(bundle, version_folder / LATENTS)
        verify_latents_graph(bundle, version_folder / LATENTS)
    if "graph" in document["units"]:
        write_units(bundle, version_folder / UNITS)
    verify_units(bundle, document["units"], version_folder)
    if "saved_model" in artefacts:
        write_warmup(bundle, version_folder, name)
    write_serving(document, version_folder)


def serving_document(bundle: Bundle, *, name: str, artefacts: Mapping[str, str]) -> Json:
    """All of serving.json but the checksums, see `write_serving`."""
    prior, directions = bundle.priors.get(LATENT, bundle.prior), principal_directions(bundle)
    return {
        "schema": SCHEMA,
        "name": name,
        "kind": "table" if bundle.data.get("table") else bundle.kind,
        "output": {"name": bundle.output_name, "shape": list(bundle.shape)},
        "inputs": [each.as_dict() for each in bundle.inputs],
        "latent": {
            "size": prior.size,
            "prior": bundle.prior.name,
            "path": prior.path,
            "truncates": "truncation" in bundle.options,
            "noise_size": bundle.noise_size,
            "classes": class_names(bundle),
            "codes": [dict(each) for each in bundle.codes],
        },
        "units": units_of(bundle),
        "columns": columns_of(bundle),
        "directions": {
            "vectors": [_round(vector) for vector in directions.vectors],
            "spread": _round(directions.spread),
        },
        "signatures": signatures_of(bundle),
        "artefacts": dict(artefacts),
    }


def class_names(bundle: Bundle) -> list[str]:
    names = bundle.data.get("classes") or ()
    return [str(x) for x in (names if len(names) == bundle.classes else range(bundle.classes))]


def columns_of(bundle: Bundle) -> list[Json] | None:
    """The columns of a table in its order; `None` for other data.

    Samples lack a `constant` and an `identifier`.
    """
    table = bundle.data.get("table")
    if not table:
        return None
    columns = []
    for column in table["columns"]:
        known = {name: column[name] for name in TABLE_FIELDS if name in column}
        known |= {name: column[name] for name in WRITTEN_FIELDS if column.get(name)}
        if known["kind"] == "numeric":
            known["integer"] = column["decimals"] == 0
        columns.append(known)
    return columns


def units_of(bundle: Bundle) -> Json:
    """How model units become the user's, as the bundle's `transform` says.

    `{"levels": True}`, `{"mean": ..., "scale": ...}`, or the path of a graph.
    """
    if bundle.transform.get("levels"):
        return {"levels": True}
    names = ("mean", "scale")
    if set(names) <= bundle.transform.keys():
        return {name: np.asarray(bundle.transform[name], np.float32).tolist() for name in names}
    return {"graph": UNITS}


def signatures_of(bundle: Bundle) -> dict[str, Json]:
    """Inputs, outputs and defaults of everything the model can be asked for, by name."""
    names = {python_name: name for name, python_name in graphs.PYTHON_NAMES.items()}
    found = {}
    for signature, function in graphs.signature_functions(bundle).items():
        outputs = function.get_concrete_function().structured_outputs
        inputs = {names.get(x.name, x.name): _tensor(x) for x in function.input_signature}
        found[signature] = {
            "inputs": inputs,
            "outputs": {name: _tensor(each) for name, each in outputs.items()},
            "defaults": {k: value for k, value in bundle.options.items() if k in inputs},
        }
    return found


def _tensor(tensor: tf.TensorSpec | tf.Tensor) -> Json:
    sizes = [-1 if side is None else int(side) for side in tensor.shape]
    return {"dtype": types_pb2.DataType.Name(tensor.dtype.as_datatype_enum), "shape": sizes}


def _round(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") if math.isfinite(value) else 0.0 for value in values.tolist()]


def write_latents(bundle: Bundle, path: Path) -> None:
    """Writes `Bundle.draw` as a LiteRT file; float32, never quantised: it is all of the diversity.

    Its signature `serving_default` takes `noise` and the options of the bundle (the scalars `class`
    and `truncation`), and returns the drawn inputs, `z` as `latents`. `ExportError` where the prior
    uses an operation LiteRT does not have.
    """

    def draw(noise: tf.Tensor, **options: tf.Tensor) -> Tensors:
        drawn = bundle.draw(noise, **options)
        for each in bundle.drawn:
            drawn[each.name].set_shape((None, *each.shape))
        return {each.drawn_name: drawn[each.name] for each in bundle.drawn}

    noise = tf.TensorSpec((None, bundle.noise_size), tf.float32, name="noise")
    inputs = [noise, *map(graphs.option, bundle.options)]
    _convert(draw, inputs, path, f"The prior {bundle.prior.name!r}")


def write_units(bundle: Bundle, path: Path) -> None:
    """Writes `bundle.to_user_units` as a LiteRT file.

    Its signature `serving_default` takes the generator's output by its name and returns `samples`.
    """
    given = tf.TensorSpec((None, *bundle.shape), tf.float32, name=bundle.output_name)

    def units(**outputs: tf.Tensor) -> Tensors:
        return {"samples": bundle.to_user_units(outputs[bundle.output_name])}

    _convert(units, [given], path, "`to_user_units`")


def _convert(
    python: Callable[..., Tensors], inputs: Sequence[tf.TensorSpec], path: Path, what: str
) -> None:
    """Writes a Python function of tensors as a LiteRT file of built-in operations."""
    function = graphs.graph_function(python, inputs)
    try:
        with native_stderr(), tempfile.TemporaryDirectory(prefix="export-graph-") as directory:
            graphs.save(tf.Module(), {graphs.SIGNATURE: function}, Path(directory))
            converter = tf.lite.TFLiteConverter.from_saved_model(
                directory, signature_keys=[graphs.SIGNATURE]
            )
            content = converter.convert()
    except Exception as error:  # the converter's exceptions share no public base class
        raise ExportError(
            f"{what} could not be converted to LiteRT: {first_line(error)}"
        ) from error
    path.write_bytes(content)


def verify_latents_graph(bundle: Bundle, path: Path) -> None:
    """Checks that the graph draws what the bundle does, hence what a SavedModel does."""
    wanted = {
        request: given | {"count": np.int32(given.get("count", COUNT))}
        for request, given in requests(bundle).items()
    }
    inputs = {
        request: {"noise": bundle.uniform_noise(given["count"], given["seed"]).numpy()}
        | {name: given[name] for name in bundle.options}
        for request, given in wanted.items()
    }
    outputs = run_graph(path, inputs)
    for request, given in wanted.items():
        verify_drawn_inputs(bundle, "The graph of latents", outputs[request], given)


def verify_units(bundle: Bundle, units: Json, folder: Path) -> None:
    """Checks that what serving.json says of the units is what `to_user_units` does."""
    samples = bundle.samples(bundle.example_inputs(256, stream=SAMPLES))
    what = "`transform`"
    if "graph" in units:
        what, given = "The graph of units", {"units": {bundle.output_name: samples}}
        found = run_graph(folder / units["graph"], given)["units"]["samples"]
    elif units.get("levels"):
        levels = np.round((samples + np.float32(1)) * np.float32(127.5))
        found = np.clip(levels, 0, 255).astype(np.uint8)
    else:
        mean, scale = (np.asarray(units[name], np.float32) for name in ("mean", "scale"))
        found = samples * scale + mean
    expected = np.asarray(bundle.to_user_units(tf.constant(samples)))
    check_close(what, "`to_user_units`", found, expected, UNIT_TOLERANCE, levels=0.0)


def run_graph(path: Path, inputs: Mapping[str, Arrays]) -> dict[str, dict[str, np.ndarray]]:
    artefact = Artefact(title=path.name, runtime=LITERT, path=path, output="")
    with Worker(artefact, timeout=TIMEOUT_SECONDS) as worker:
        return worker.call(inputs)[0]


def write_warmup(bundle: Bundle, folder: Path, name: str) -> None:
    """Writes requests that TensorFlow Serving answers for itself before it lets a version answer.

    The first call of every signature plans its graph and is many times slower than the next. There
    is one request for every signature and two sizes of batches.
    """
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as file:
        for signature, inputs in _warmup_requests(bundle):
            log = PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = name, signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            file.write(log.SerializeToString(deterministic=True))


def _warmup_requests(bundle: Bundle) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Name of a signature and its inputs; those with defaults once with them and once without."""
    options = {name: OPTION_TYPES[name](value) for name, value in bundle.options.items()}
    for batch in WARM_UP_BATCHES:
        zeros = {each.name: np.zeros((batch, *each.shape), np.float32) for each in bundle.inputs}
        yield graphs.SIGNATURE, zeros
        drawing = {each.name: zeros[each.name] for each in bundle.observed}
        drawing |= {} if bundle.observed else {"count": np.int32(batch)}
        drawing |= {"seed": np.int32(WARM_UP_SEED)}
        drawing |= options if batch == WARM_UP_BATCHES[0] else {}
        for name in (bundle.drawing, f"{bundle.drawing}_png")[: 1 + bundle.has_png]:
            yield name, drawing
        if encoder := bundle.encoder_bundle:
            yield (
                ENCODE,
                {each.name: np.zeros((batch, *each.shape), np.float32) for each in encoder.inputs},
            )


@dataclasses.dataclass(frozen=True)
class Directions:
    """Principal directions, the one of the largest change first."""

    vectors: np.ndarray  # float32 `(k, size of z)`, of length 1 and at right angles
    # float32 `(k,)`, root mean square change of an entry of the sample, in model units, for a step
    # of length 1 along each
    spread: np.ndarray


def principal_directions(
    bundle: Bundle, *, count: int = DIRECTIONS, latents: int = LATENTS_OF_DIRECTIONS
) -> Directions:
    """The directions in which the generator changes most, on average over the prior's latents.

    They are the eigenvectors of the mean of J^T J, J the Jacobian of the generator by `z`, other
    inputs as drawn. Coordinates that cannot change a little, such as a class, are 0 in all of them.

    Args:
        bundle: what is exported.
        count: how many; fewer where the latent has fewer such coordinates.
        latents: how many latents the average is over.

    Reference: Wang and Ponce, 2021, "The geometry of deep generative image models and its
    applications", arXiv:2101.06006.
    """
    prior = bundle.priors.get(LATENT)
    takes = prior is not None and any(each.name == LATENT for each in bundle.inputs)
    places = np.flatnonzero(prior.continuous_mask) if takes else ()
    size, entries = prior.size if takes else 0, int(np.prod(bundle.shape))
    if not len(places):
        return Directions(np.zeros((0, size), np.float32), np.zeros(0, np.float32))
    drawn = bundle.example_inputs(latents, stream=SAMPLES, seed=DIRECTIONS_SEED)
    steps = STEP * np.eye(size, dtype=np.float32)[places]
    rows = max(1, AT_ONCE // (2 * entries))
    generate = tf.function(bundle.generate, reduce_retracing=True, autograph=False)
    total = np.zeros((len(places), len(places)))
    for place in range(latents):
        row = {name: values[place] for name, values in drawn.items()}
        parts = np.split(steps, range(rows, len(steps), rows))
        change = np.concatenate([_change(generate, row, part) for part in parts])
        total += change @ change.T
    values, vectors = np.linalg.eigh(total / (latents * entries))
    order = np.argsort(values)[::-1][:count]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(len(places))]
    found = np.zeros((len(order), size), np.float32)
    found[:, places] = (vectors * np.where(largest < 0, -1.0, 1.0)).T[order]  # it is positive
    return Directions(found, np.sqrt(np.maximum(values[order], 0)).astype(np.float32))


def _change(generate: Callable[[Tensors], tf.Tensor], row: Arrays, steps: np.ndarray) -> np.ndarray:
    """Derivatives of the sample along each step's coordinate: float64 `(steps, entries)`."""
    latents = np.concatenate([row[LATENT] + steps, row[LATENT] - steps])
    inputs = {
        name: tf.constant(np.broadcast_to(each, (len(latents), *each.shape)))
        for name, each in row.items()
    }
    ends = generate(inputs | {LATENT: tf.constant(latents)})
    ahead, behind = np.split(ends.numpy().reshape(len(ends), -1).astype(np.float64), 2)
    return (ahead - behind) / (2 * STEP)
