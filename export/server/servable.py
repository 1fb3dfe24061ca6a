"""One version of one model, loaded: its signatures as functions of arrays."""

import asyncio
import concurrent.futures
import io
import types
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import numpy as np

from ganapp.export.server.batching import Batcher, Batching, Hooks
from ganapp.export.server.engines import Engine, open_engine
from ganapp.export.server.errors import InvalidArgument, Overloaded
from ganapp.export.server.inputs import checked_inputs, scalar
from ganapp.export.server.sampler import AS_DRAWN, Sampler
from ganapp.export.server.spec import BrokenVersion, ServingSpec, Signature

CHANNELS = (1, 3, 4)  # that a PNG may have
SAMPLES_LIMIT = 4096
Arrays = dict[str, np.ndarray]


class Servable:
    """Answers requests for a version; used from one event loop.

    Args:
        spec: what the version says of itself.
        engine: runs its generator.
        batching: how requests are gathered.
        version: number of its folder.
        name: the model's, where it differs from the one it was exported under.
        samples_limit: most samples of one request.
        hooks: who is told of batches.

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
    ) -> None:
        self.spec, self.version, self.name = spec, version, name or spec.name
        self.samples_limit = samples_limit
        self._engine, self._sampler = engine, Sampler(spec)
        self._handlers: dict[str, Callable[[Arrays, float | None], Awaitable[Arrays]]] = {
            "serving_default": self._generate,
            "sample": self._sample,
            "sample_png": self._sample_png,
        }
        # What a later export may offer besides is not offered, rather than answered wrongly.
        offered = {name: of for name, of in spec.signatures.items() if name in self._handlers}
        self.signatures: Mapping[str, Signature] = types.MappingProxyType(offered)
        _check_signatures(spec, self.signatures)
        self._batcher = Batcher(engine.generate, batching, hooks)
        # Latents and pictures: milliseconds of numpy that the event loop is spared.
        self._helper = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="helper")
        self._drawing = 0  # samples whose latents are being drawn

    @classmethod
    def open(cls, folder: Path, *, engine: str, num_threads: int = 1, **options) -> "Servable":
        """Loads a version folder and runs it once; takes a while and may be called in a thread.

        Args:
            folder: the version folder.
            engine: a key of `ganapp.export.server.engines.ENGINES`.
            num_threads: of the engine, within one call.
            **options: as of the class.

        Raises:
            BrokenVersion: something in it is missing, damaged, or does not run.
        """
        spec = ServingSpec.read(folder)
        spec.verify()
        running = open_engine(engine, spec, num_threads=num_threads)
        servable = cls(spec, running, **options)
        try:
            servable.warm_up()
        except BrokenVersion:
            servable.abandon()
            raise
        except Exception as error:  # whatever a native runtime raises for a graph it cannot run
            servable.abandon()
            raise BrokenVersion(f"`{engine}` could not run the model: {error}") from error
        return servable

    def warm_up(self) -> None:
        """Runs everything once, alone and as the largest batch, before the first request does.

        Raises:
            BrokenVersion: what comes out is not what serving.json says.
        """
        expected = self.spec.output_shape
        for count in sorted({1, min(self._batcher.parameters.max_batch_size, self.samples_limit)}):
            latents = self._sampler.latents(count, 0)
            if latents.shape != (count, self.spec.latent.size):
                raise BrokenVersion(
                    f"`latents` must have the shape {(count, self.spec.latent.size)}. "
                    f"Received: {latents.shape}"
                )
            samples = self._engine.generate(latents)
            if samples.shape != (count, *expected) or samples.dtype != np.float32:
                raise BrokenVersion(
                    f"`{self.spec.output_name}` must be float32 of the shape {(count, *expected)}. "
                    f"Received: {samples.dtype.name} {samples.shape}"
                )
            self._sampler.to_user_units(samples)

    async def predict(
        self, signature_name: str, inputs: Mapping[str, np.ndarray], deadline: float | None = None
    ) -> Arrays:
        """Runs a signature.

        Args:
            signature_name: a key of `signatures`.
            inputs: by name; those with a default may be left out.
            deadline: as `time.monotonic()` counts, after which nothing is begun; `None` for no
                limit.

        Returns:
            outputs by name; `image_bytes` are `bytes` in an array of dtype object.

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
        checked = checked_inputs(self.signatures[signature_name], inputs)
        return await self._handlers[signature_name](checked, deadline)

    def admit(self) -> None:
        """Refuses a request for a single sample if the queue would, before its body is read.

        Raises:
            Overloaded: the queue is full.
            Unavailable: the version is being unloaded.
        """
        self._batcher.admit(1)

    def hurry(self) -> None:
        """Lets no request wait for company from now on: the server is being stopped."""
        self._batcher.hurry()

    async def close(self) -> None:
        """Finishes what was accepted, then frees the engine."""
        await self._batcher.close()
        self._helper.shutdown(wait=False)
        self._engine.close()

    def abandon(self) -> None:
        """Frees what a servable holds that never answered a request."""
        self._helper.shutdown(wait=False)
        self._engine.close()

    async def _generate(self, inputs: Arrays, deadline: float | None) -> Arrays:
        if len(inputs["z"]) > self.samples_limit:
            raise InvalidArgument(
                f"input tensor `z` must have at most {self.samples_limit} rows. "
                f"Received: {len(inputs['z'])}"
            )
        return {self.spec.output_name: await self._batcher.submit(inputs["z"], deadline)}

    async def _sample(self, inputs: Arrays, deadline: float | None) -> Arrays:
        count = int(scalar(inputs, "count", 1, self.samples_limit, 1))
        seed = int(inputs["seed"])
        class_ = int(scalar(inputs, "class", AS_DRAWN, len(self.spec.latent.classes) - 1, AS_DRAWN))
        truncation = scalar(inputs, "truncation", 0, 1, 1.0)
        latents = await self._drawn(count, deadline, count, seed, class_, truncation)
        samples = await self._batcher.submit(latents, deadline)
        units = await self._help(self._sampler.to_user_units, samples)
        return {"samples": units, "latents": latents}

    async def _sample_png(self, inputs: Arrays, deadline: float | None) -> Arrays:
        images = (await self._sample(inputs, deadline))["samples"]
        return {"image_bytes": await self._help(_png, images)}

    async def _drawn(self, rows: int, deadline: float | None, *arguments: float) -> np.ndarray:
        """Latents, unless so many are being drawn or waiting that the queue would not take them."""
        self._batcher.admit(rows, deadline)
        if self._drawing and self._drawing + rows > self._batcher.capacity:
            raise Overloaded(
                f"The queue is full: latents of {self._drawing} samples are being drawn; try later."
            )
        self._drawing += rows
        try:
            return await self._help(self._sampler.latents, *arguments)
        finally:
            self._drawing -= rows

    async def _help(self, function: Callable, *arguments) -> np.ndarray:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._helper, function, *arguments)


def _png(images: np.ndarray) -> np.ndarray:
    """uint8 `(n, height, width, channels)` -> PNG files, dtype object `(n,)`."""
    from PIL import Image

    files = np.empty(len(images), dtype=object)
    for index, image in enumerate(images):
        buffer = io.BytesIO()
        pixels = image[..., 0] if image.shape[-1] == 1 else image  # grey has no axis of channels
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
        files[index] = buffer.getvalue()
    return files


def _check_signatures(spec: ServingSpec, signatures: Mapping[str, Signature]) -> None:
    known = {
        "serving_default": {"z": ("DT_FLOAT", (-1, spec.latent.size))},
        "sample": {"count": ("DT_INT32", ()), "seed": ("DT_INT32", ())},
    }
    if spec.latent.classes:
        known["sample"]["class"] = ("DT_INT32", ())
    if spec.latent.truncates:
        known["sample"]["truncation"] = ("DT_FLOAT", ())
    known["sample_png"] = known["sample"]
    if "serving_default" not in signatures:
        raise BrokenVersion("`signatures` must have serving_default: export the model again.")
    for name, signature in signatures.items():
        given = {key: (info.dtype, info.shape) for key, info in signature.inputs.items()}
        if given != known[name]:
            raise BrokenVersion(
                f"`signatures` must give {name} the inputs {known[name]}. Received: {given}"
            )
    if "sample_png" in signatures and (
        spec.kind != "image" or len(spec.output_shape) != 3 or spec.output_shape[-1] not in CHANNELS
    ):
        raise BrokenVersion(
            "`signatures` may have sample_png for images of 1, 3 or 4 channels only."
        )
