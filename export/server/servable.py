"""One version of one model, loaded: its signatures as functions of arrays."""

import asyncio
import concurrent.futures
import dataclasses
import io
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ganapp.export.layout import ENCODE, LATENTS, drawn_name
from ganapp.export.server.batching import Batcher, Batching, Hooks
from ganapp.export.server.engines import (
    Engine,
    LiteRTModel,
    count_rows,
    open_encoder,
    open_engine,
)
from ganapp.export.server.errors import InvalidArgument, Overloaded
from ganapp.export.server.spec import (
    DATA_TYPES,
    Arrays,
    BrokenVersion,
    Code,
    ServingSpec,
    Signature,
    TensorInfo,
)

if TYPE_CHECKING:
    from PIL import Image

CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # of an image that Pillow writes, and its mode for them
Result = TypeVar("Result")
SAMPLES_LIMIT = 4096
AS_DRAWN = -1  # the class that leaves latents as they were drawn
SAMPLE_STREAM = 0x5A11  # first half of the stateless seed, as in the exported signature `sample`
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


class Servable:
    """Answers requests for a version; used from one event loop.

    Args:
        spec: what the version says of itself.
        engine: runs its generator.
        batching: how requests are gathered.
        version: number of its folder.
        name: the model's, where it differs from the one it was exported under.
        samples_limit: most samples of one request.
        hooks: functions that count batches.
        encoder: runs its encoder, where there is one.

    Raises:
        BrokenVersion: its latents or units cannot be loaded, or a signature is not ours.
    """

    def __init__(
        self,
        spec: ServingSpec,
        engine: Engine,
        batching: Batching | None = None,
        *,
        version: int = 1,
        name: str | None = None,
        samples_limit: int = SAMPLES_LIMIT,
        hooks: Hooks | None = None,
        encoder: Engine | None = None,
    ) -> None:
        self.spec, self.version, self.name = spec, version, name or spec.name
        self.samples_limit = samples_limit
        self._engine, self._sampler = engine, Sampler(spec)
        self._handlers: dict[str, Callable[[Arrays, float | None], Awaitable[Arrays]]] = {
            "serving_default": self._generate,
            spec.drawing: self._draw,
            f"{spec.drawing}_png": self._draw_png,
        }
        self._encoder, self._encoding = encoder, None
        if encoder is not None:
            self._handlers[ENCODE] = self._encode
            self._encoding = Batcher(encoder.generate, batching, hooks)
        # What a later export may offer besides is not offered, rather than answered wrongly.
        self.signatures = {k: of for k, of in spec.signatures.items() if k in self._handlers}
        _check_signatures(spec, self.signatures)
        self.signatures |= {
            name: with_codes(self.signatures[name], spec)
            for name in (spec.drawing, f"{spec.drawing}_png")
            if name in self.signatures
        }
        self._batcher = Batcher(engine.generate, batching, hooks)
        # Latents and pictures: milliseconds of numpy that the event loop is spared.
        self._helper = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="helper")
        self._drawing = 0  # samples whose latents are being drawn

    @classmethod
    def open(cls, folder: Path, *, engine: str, num_threads: int = 1, **options) -> "Servable":
        """Loads a version folder and runs it once; takes a while and may be called in a thread.

        `options` are those of the class. `BrokenVersion` where something is missing, damaged or
        does not run.
        """
        spec = ServingSpec.read(folder)
        spec.verify()
        running = open_engine(engine, spec, num_threads=num_threads)
        try:
            encoder = open_encoder(engine, spec, num_threads=num_threads)
        except BrokenVersion:
            running.close()
            raise
        servable = cls(spec, running, encoder=encoder, **options)
        try:
            servable.warm_up()
        except Exception as error:  # whatever a native runtime raises for a graph it cannot run
            servable.abandon()
            if isinstance(error, BrokenVersion):
                raise
            raise BrokenVersion(f"`{engine}` could not run the model: {error}") from error
        return servable

    def warm_up(self) -> None:
        """Runs everything once, alone and as the largest batch, before the first request does.

        `BrokenVersion` where what comes out is not what serving.json says.
        """
        if self._encoder is not None:
            encoder = self.spec.encoder
            zeros = {x.name: np.zeros((1, *x.shape), np.float32) for x in encoder.inputs}
            expected = (1, sum(each.shape[0] for each in encoder.outputs))
            if (found := self._encoder.generate(zeros).shape) != expected:
                raise BrokenVersion(
                    f"The encoder must give latents of the shape {expected}. Received: {found}"
                )
        expected = self.spec.output_shape
        for count in sorted({1, min(self._batcher.parameters.max_batch_size, self.samples_limit)}):
            inputs = self._sampler.inputs(count, 0)
            for each in self.spec.drawn:
                if (shape := inputs[each.name].shape) != (count, *each.shape):
                    raise BrokenVersion(
                        f"`{each.drawn_name}` must have the shape {(count, *each.shape)}. "
                        f"Received: {shape}"
                    )
            for each in self.spec.observed:
                inputs[each.name] = np.zeros((count, *each.shape), np.float32)
            samples = self._engine.generate(inputs)
            if samples.shape != (count, *expected) or samples.dtype != np.float32:
                raise BrokenVersion(
                    f"`{self.spec.output_name}` must be float32 of the shape {(count, *expected)}. "
                    f"Received: {samples.dtype.name} {samples.shape}"
                )
            self._sampler.to_user_units(samples)

    async def predict(
        self, signature_name: str, inputs: Mapping[str, np.ndarray], deadline: float | None = None
    ) -> Arrays:
        """Runs a signature on inputs by name; those with a default may be left out.

        Nothing is begun after the `deadline`, as `time.monotonic()` counts. `image_bytes` are
        `bytes` in an array of dtype object.

        Raises:
            InvalidArgument: there is no such signature, or an input is wrong.
            Overloaded: the queue is full.
            DeadlineExceeded: it had passed.
            ServerError: the engine failed (500).
        """
        if signature_name not in self.signatures:  # TF Serving's words
            raise InvalidArgument(
                f'Serving signature name: "{signature_name[:100]}" not found in signature def'
            )
        checked = complete_inputs(self.signatures[signature_name], inputs)
        return await self._handlers[signature_name](checked, deadline)

    def admit(self) -> None:
        """Refuses a request for a single sample if the queue would, before its body is read."""
        self._batcher.admit(1)

    def flush(self) -> None:
        for batcher in self._batchers:
            batcher.flush()

    async def close(self) -> None:
        """Finishes what was accepted, then frees the engines."""
        for batcher in self._batchers:
            await batcher.close()
        self.abandon()

    def abandon(self) -> None:
        """Frees the engines, whatever is being asked of them."""
        self._helper.shutdown(wait=False)
        for engine in filter(None, (self._engine, self._encoder)):
            engine.close()

    @property
    def _batchers(self) -> list[Batcher]:
        return [each for each in (self._batcher, self._encoding) if each is not None]

    async def _generate(self, inputs: Arrays, deadline: float | None) -> Arrays:
        self._count_rows(inputs)
        return {self.spec.output_name: await self._batcher.submit(inputs, deadline)}

    async def _encode(self, inputs: Arrays, deadline: float | None) -> Arrays:
        self._count_rows(inputs)
        outputs = self.spec.encoder.outputs
        latents = await self._encoding.submit(inputs, deadline)
        ends = np.cumsum([each.shape[0] for each in outputs])[:-1]
        parts = np.split(latents, ends, axis=1)
        return {each.drawn_name: part for each, part in zip(outputs, parts, strict=True)}

    def _count_rows(self, inputs: Arrays) -> int:
        counts = {name: len(rows) for name, rows in inputs.items()}
        for name, count in counts.items():
            if count > self.samples_limit:
                raise InvalidArgument(
                    f"input tensor `{name}` must have at most {self.samples_limit} rows. "
                    f"Received: {count}"
                )
        if len(set(counts.values())) > 1:
            received = ", ".join(f"{count} of `{name}`" for name, count in counts.items())
            raise InvalidArgument(
                f"input tensors must have as many rows as each other. Received: {received}"
            )
        return count_rows(inputs)

    async def _draw(self, inputs: Arrays, deadline: float | None) -> Arrays:
        observations = {each.name: inputs[each.name] for each in self.spec.observed}
        if observations:
            count = self._count_rows(observations)
        else:
            count = int(_scalar(inputs, "count", 1, self.samples_limit, 1))
        seed = int(inputs["seed"])
        last = len(self.spec.latent.classes) - 1
        class_ = int(_scalar(inputs, "class", AS_DRAWN, last, AS_DRAWN))
        truncation = _scalar(inputs, "truncation", 0, 1, 1.0)
        codes = requested_codes(self.spec, inputs)
        self._batcher.admit(count, deadline)
        if self._drawing and self._drawing + count > self._batcher.capacity:
            raise Overloaded(
                f"The queue is full: latents of {self._drawing} samples are being drawn; try later."
            )
        self._drawing += count
        try:
            drawn = await self._in_thread(
                self._sampler.inputs, count, seed, class_, truncation, codes
            )
        finally:
            self._drawing -= count
        samples = await self._batcher.submit(drawn | observations, deadline)
        units = await self._in_thread(self._sampler.to_user_units, samples)
        return {"samples": units} | {drawn_name(name): rows for name, rows in drawn.items()}

    async def _draw_png(self, inputs: Arrays, deadline: float | None) -> Arrays:
        images = (await self._draw(inputs, deadline))["samples"]
        return {"image_bytes": await self._in_thread(_png_files, images)}

    async def _in_thread(self, function: Callable[..., Result], *arguments) -> Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._helper, function, *arguments)


class Sampler:
    """What draws of a version without its generator; may be called from several threads.

    `BrokenVersion` where `latents.tflite` or `units.tflite` is damaged or takes other inputs than
    serving.json says, or the units are of no known kind.
    """

    def __init__(self, spec: ServingSpec) -> None:
        self.spec = spec
        self._lock = threading.Lock()
        # Model units float32 `(n, *shape)` -> the user's.
        self.to_user_units: Callable[[np.ndarray], np.ndarray] = _units(spec)
        self._outputs = {each.name: each.drawn_name for each in spec.drawn}
        if not spec.drawn:
            return
        self._draw = _signature_runner(spec, LATENTS)
        expected = {"noise"}
        expected |= {"class"} if spec.latent.classes else set()
        expected |= {"truncation"} if spec.latent.truncates else set()
        for side, wanted, given in (
            ("inputs", expected, self._draw.get_input_details()),
            ("outputs", set(self._outputs.values()), self._draw.get_output_details()),
        ):
            if set(given) != wanted:
                raise BrokenVersion(
                    f"`{LATENTS}` must have the {side} {sorted(wanted)}. Received: {sorted(given)}"
                )
        self._inputs = expected

    def inputs(
        self,
        count: int,
        seed: int,
        class_: int = AS_DRAWN,
        truncation: float = 1.0,
        codes: Sequence[tuple[Code, float]] = (),
    ) -> Arrays:
        """Draws the inputs that can be drawn, float32 `(count, ...)` by name.

        The first rows are the same for every `count`. -1 is the class as drawn; `truncation` is 1
        as drawn, 0 the likeliest; either is without effect in a model that has no such thing.
        `codes` have the same values in every row.
        """
        if not self._outputs:
            return {}
        values = {
            "noise": uniform(count, self.spec.latent.noise_size, seed),
            "class": np.array(class_, np.int32),
            "truncation": np.array(truncation, np.float32),
        }
        with self._lock:
            drawn = self._draw(**{name: values[name] for name in self._inputs})
        found = {name: drawn[output] for name, output in self._outputs.items()}
        for code, value in codes:
            rows = found[code.latent] = np.array(found[code.latent])
            category = code.kind == "category"
            own = np.eye(code.size, dtype=np.float32)[int(value)] if category else value
            rows[:, code.start : code.start + code.size] = own
        return found


def pixel_levels(x: np.ndarray) -> np.ndarray:
    levels = np.round((x + np.float32(1)) * np.float32(127.5))
    return np.clip(levels, 0, 255).astype(np.uint8)


def _units(spec: ServingSpec) -> Callable[[np.ndarray], np.ndarray]:
    units = dict(spec.units)
    if units.get("levels"):
        return pixel_levels
    if set(units) == {"mean", "scale"}:
        mean, scale = (np.asarray(units[name], np.float32) for name in ("mean", "scale"))
        return lambda x: x * scale + mean
    if set(units) == {"graph"}:
        try:
            model = LiteRTModel(spec.loadable(units["graph"]), [spec.output_name], 1)
        except (ValueError, RuntimeError) as error:
            raise BrokenVersion(f"`{units['graph']}` could not be loaded: {error}") from error
        lock = threading.Lock()

        def run(x: np.ndarray) -> np.ndarray:
            with lock:
                return model.run({spec.output_name: x})

        return run
    raise BrokenVersion(f"`units` must be levels, mean and scale, or a graph. Received: {units}")


def _signature_runner(spec: ServingSpec, path: str):  # a SignatureRunner, imported late
    from ai_edge_litert.interpreter import Interpreter

    content = spec.loadable(path)
    try:
        interpreter = Interpreter(model_content=content)
        return interpreter.get_signature_runner("serving_default")
    except (ValueError, RuntimeError) as error:
        raise BrokenVersion(f"`{path}` could not be loaded by LiteRT: {error}") from error


def uniform(count: int, size: int, seed: int) -> np.ndarray:
    """Draws as `tf.random.stateless_uniform((count, size), [0x5A11, seed], alg="philox")`.

    With the same noise, bit for bit, every engine gives the samples of the SavedModel's `sample`.
    The seed is an int32 or int64; the numbers are float32 in [0, 1), and the first rows are the
    same for every `count`.
    """
    total = count * size
    key, upper = _scramble(SAMPLE_STREAM, seed)
    groups = np.arange(-(-total // 4), dtype=np.uint64)
    words = (groups & LOW, groups >> HALF, *(np.full_like(groups, word) for word in upper))
    bits = np.stack(_philox(words, key), axis=1).reshape(-1)[:total]
    # The lowest 23 bits of each word are the mantissa of a float32 in [1, 2), less 1.
    mantissa = (bits & np.uint64(0x7FFFFF)).astype(np.uint32)
    unit = (mantissa | np.uint32(127 << 23)).view(np.float32) - np.float32(1)
    return unit.reshape(count, size)


def _scramble(first: int, second: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The Philox key and the upper half of the counter that TensorFlow makes of a seed."""
    low = int(LOW)
    words = (first & low, (first >> 32) & low, second & low, (second >> 32) & low)
    counter = tuple(np.array([word], dtype=np.uint64) for word in words)
    mixed = [int(word[0]) for word in _philox(counter, (0x3EC8F720, 0x02461E29))]
    return (mixed[0], mixed[1]), (mixed[2], mixed[3])


def _philox(counter: tuple[np.ndarray, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Philox4x32-10 of many counters at once: four words of each, uint64 `(n,)` below 2**32.

    Reference: Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3".
    """
    first, second, third, fourth = counter
    for number in range(10):
        steps = (0x9E3779B9, 0xBB67AE85)
        keys = [(word + number * step) & int(LOW) for word, step in zip(key, steps, strict=True)]
        left, right = first * np.uint64(0xD2511F53), third * np.uint64(0xCD9E8D57)
        first, second, third, fourth = (
            (right >> HALF) ^ second ^ np.uint64(keys[0]),
            right & LOW,
            (left >> HALF) ^ fourth ^ np.uint64(keys[1]),
            left & LOW,
        )
    return first, second, third, fourth


def picture(image: np.ndarray) -> "Image.Image":
    """A Pillow image of uint8 `(height, width, channels)`, channels a key of `CHANNELS`."""
    from PIL import Image

    grey = image.shape[-1] == 1  # has no axis of channels
    return Image.fromarray(np.ascontiguousarray(image[..., 0] if grey else image))


def _png_files(images: np.ndarray) -> np.ndarray:
    files = np.empty(len(images), dtype=object)
    for index, image in enumerate(images):
        buffer = io.BytesIO()
        picture(image).save(buffer, "PNG")
        files[index] = buffer.getvalue()
    return files


def signature_inputs(spec: ServingSpec) -> dict[str, dict[str, TensorInfo]]:
    """The inputs of every signature that a version may have."""
    batches = {each.name: TensorInfo("DT_FLOAT", (-1, *each.shape)) for each in spec.inputs}
    scalars = {} if spec.observed else {"count": "DT_INT32"}
    scalars |= {"seed": "DT_INT32"}
    scalars |= {"class": "DT_INT32"} if spec.latent.classes else {}
    scalars |= {"truncation": "DT_FLOAT"} if spec.latent.truncates else {}
    drawing = {name: TensorInfo(dtype, ()) for name, dtype in scalars.items()}
    drawing |= {each.name: batches[each.name] for each in spec.observed}
    found = {"serving_default": batches, spec.drawing: drawing, f"{spec.drawing}_png": drawing}
    if spec.encoder:
        found[ENCODE] = {
            each.name: TensorInfo("DT_FLOAT", (-1, *each.shape)) for each in spec.encoder.inputs
        }
    return found


def _check_signatures(spec: ServingSpec, signatures: Mapping[str, Signature]) -> None:
    if "serving_default" not in signatures:
        raise BrokenVersion("`signatures` must have serving_default: export the model again.")
    expected = signature_inputs(spec)
    for name, signature in signatures.items():
        if dict(signature.inputs) != expected[name]:
            wanted, given = (
                {key: (info.dtype, info.shape) for key, info in inputs.items()}
                for inputs in (expected[name], signature.inputs)
            )
            raise BrokenVersion(
                f"`signatures` must give {name} the inputs {wanted}. Received: {given}"
            )
    if f"{spec.drawing}_png" in signatures and (
        spec.kind != "image" or len(spec.output_shape) != 3 or spec.output_shape[-1] not in CHANNELS
    ):
        raise BrokenVersion(
            f"`signatures` may have {spec.drawing}_png for images of 1, 3 or 4 channels only."
        )


def with_codes(signature: Signature, spec: ServingSpec) -> Signature:
    """A signature that draws, to which codes may be given too: only this server's, in no file."""
    codes = {code.name: TensorInfo("DT_FLOAT", ()) for code in spec.latent.codes}
    return dataclasses.replace(
        signature, inputs={**signature.inputs, **codes}, drawn=frozenset(codes)
    )


def requested_codes(spec: ServingSpec, given: Mapping[str, object]) -> list[tuple[Code, float]]:
    """The codes that have a value among named numbers, with it.

    Raises:
        InvalidArgument: one is out of range, or no whole number where it must be.
    """
    found = [(code, float(given[code.name])) for code in spec.latent.codes if code.name in given]
    for code, value in found:
        whole = code.kind != "number"
        if not code.minimum <= value <= code.maximum or (whole and value != int(value)):
            raise InvalidArgument(
                f"`{code.name}` must be a {'whole ' if whole else ''}number from "
                f"{code.minimum:g} to {code.maximum:g}. Received: {code.name}={value:g}"
            )
    return found


def complete_inputs(
    signature: Signature, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Inputs by name with defaults filled in, each of its signature's dtype and shape, and finite.

    Numbers of another dtype are taken where none of them changes its meaning: whole numbers within
    the range for whole numbers, any real numbers for float32.
    """
    extra = sorted(set(inputs) - set(signature.inputs))
    missing = sorted(set(signature.required) - set(inputs))
    if extra or missing:  # TF Serving's words
        sent, known = ",".join(sorted(inputs)), ",".join(sorted(signature.inputs))
        raise InvalidArgument(
            f"input size does not match signature: {len(inputs)}!={len(signature.inputs)} "
            f"len({{{sent[:200]}}}) != len({{{known}}}). Sent extra: {{{','.join(extra)[:200]}}}. "
            f"Missing but required: {{{','.join(missing)}}}."
        )
    return {
        name: _check_input(name, np.asarray(inputs.get(name, signature.defaults.get(name))), info)
        for name, info in signature.inputs.items()
        if name in inputs or name not in signature.drawn
    }


def _scalar(inputs: Arrays, name: str, least: float, most: float, default: float) -> float:
    """A number from `least` to `most`; `default` where the signature has no such input."""
    value = inputs[name].item() if name in inputs else default
    if not least <= value <= most:
        raise InvalidArgument(
            f"input tensor `{name}` must be {least} to {most}. Received: {name}={value:g}"
        )
    return value


def _check_input(name: str, array: np.ndarray, info: TensorInfo) -> np.ndarray:
    array = _as_dtype(name, array, info.dtype)
    fits = array.ndim == len(info.shape) and all(
        size == wanted or (wanted == -1 and size > 0)
        for size, wanted in zip(array.shape, info.shape, strict=True)
    )
    if not fits:
        expected, received = (
            f"[{', '.join(map(str, shape))}]" for shape in (info.shape, array.shape)
        )
        raise InvalidArgument(
            f"input tensor `{name}` must have the shape {expected}. Received: {received}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidArgument(f"input tensor `{name}` must hold finite float32 numbers.")
    return array


def _as_dtype(name: str, array: np.ndarray, dtype: str) -> np.ndarray:
    wanted = DATA_TYPES[dtype].numpy
    if array.dtype == wanted:
        return array
    if wanted.kind == "f" and array.dtype.kind in "fiu":
        with np.errstate(over="ignore"):  # what is too large is not finite, which is seen next
            return array.astype(wanted)
    if wanted.kind in "iu" and array.dtype.kind in "iu":
        limits = np.iinfo(wanted)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(wanted)
        raise InvalidArgument(
            f"input tensor `{name}` must be {dtype}, {limits.min} to {limits.max}. "
            f"Received: {array.min()} to {array.max()}"
        )
    raise InvalidArgument(
        f"input tensor `{name}` must be {dtype}. Received: dtype={array.dtype.name}"
    )
