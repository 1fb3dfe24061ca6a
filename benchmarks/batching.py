"""What batching brings to a server: `python -m benchmarks.batching [--seconds S] [--threads N]`.

Clients that each wait for their answer before they ask again submit one latent at a time to a
`Batcher`, with batches of one row and of up to 64, in turns, so that whatever else the machine does
falls on all alike. Beside that: the time of a call by engine and batch, by the clock and of the
processors (on a busy machine the latter says more), and how much a row's samples differ between
batches.
"""

import argparse
import asyncio
import hashlib
import os
import statistics
import tempfile
import time
from pathlib import Path

from ganapp.screen import quiet_stderr

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with quiet_stderr():
    import keras
    import numpy as np
    import tensorflow as tf

    from ganapp.export.graphs import static_shapes
    from ganapp.export.layout import Input
    from ganapp.export.server.batching import Batcher, Batching
    from ganapp.export.server.engines import Engine, open_engine
    from ganapp.export.server.spec import Latent, ServingSpec
    from ganapp.models.networks import dcgan_generator, mlp_generator

ENGINES = ("litert", "onnx", "saved_model")
PATHS = {"litert": "model.tflite", "onnx": "model.onnx", "saved_model": "."}
BATCHES = (1, 4, 16, 64)
GENERATORS = {
    "points, three layers of 128": (
        8,
        lambda: mlp_generator({"z": (8,)}, (2,), units=(128, 128, 128)),
    ),
    "28x28 DCGAN, 64 and 16 channels": (
        100,
        lambda: dcgan_generator({"z": (100,)}, (28, 28, 1), channels=(64, 16)),
    ),
}


def write(generator: keras.Model, size: int, folder: Path) -> ServingSpec:
    """The generator in all formats that have an engine."""
    module = tf.Module()
    module.weights = [variable.value for variable in generator.variables]
    signature = [tf.TensorSpec((None, size), tf.float32, name="z")]
    function = tf.function(
        lambda z: {"image": generator(z, training=False)}, input_signature=signature
    )
    tf.saved_model.save(module, str(folder), signatures={"serving_default": function})
    with static_shapes(generator):  # traced anew, as an export does
        concrete = tf.function(
            lambda z: {"image": generator(z, training=False)}, input_signature=signature
        ).get_concrete_function()
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        (folder / PATHS["litert"]).write_bytes(converter.convert())

    import tf2onnx

    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    (folder / PATHS["onnx"]).write_bytes(model.SerializeToString())
    contents = {path: (folder / path).read_bytes() for path in PATHS.values() if path != "."}
    return ServingSpec(
        folder=folder,
        name=folder.name,
        kind="image",
        output_name="image",
        output_shape=tuple(generator.output_shape[1:]),
        inputs=(Input("z", (size,), "latent"),),
        latent=Latent(size, "normal", "arc", True, size, ()),
        units={"levels": True},
        signatures={},
        artefacts=PATHS,
        files={path: hashlib.sha256(of).hexdigest() for path, of in contents.items()},
        document={},
    )


def call_times(engines: dict[str, Engine], z: np.ndarray) -> dict[str, tuple[float, float]]:
    """Median milliseconds of a call by the clock and of the processors; engines take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    for _ in range(40):
        for name, engine in engines.items():
            engine.generate({"z": z})  # the one before may have left the caches cold
            clock, work = time.perf_counter(), time.process_time()
            engine.generate({"z": z})
            passed = time.perf_counter() - clock, time.process_time() - work
            times[name].append(passed)
    return {
        name: tuple(1000 * statistics.median(column) for column in zip(*rows, strict=True))
        for name, rows in times.items()
    }


def difference(engine: Engine, z: np.ndarray) -> float:
    """Largest difference between rows in batches of 64 and in smaller ones."""
    whole, worst = engine.generate({"z": z}), 0.0
    for size in (1, 2, 3, 7, 16, 33):
        for start in range(0, len(z) - size + 1, size):
            part = engine.generate({"z": z[start : start + size]})
            worst = max(worst, float(np.abs(part - whole[start : start + size]).max()))
    return worst


async def throughput(
    engine: Engine, z: np.ndarray, *, rows: int, clients: int, seconds: float
) -> tuple[float, float]:
    """Answers a second, and the mean number of rows in a batch."""
    sizes: list[int] = []

    def run(batch: dict[str, np.ndarray]) -> np.ndarray:
        sizes.append(len(batch["z"]))
        return engine.generate(batch)

    batcher, answers = Batcher(run, Batching(max_batch_size=rows)), 0
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        nonlocal answers
        row = {"z": z[number % len(z)][np.newaxis]}
        while time.monotonic() < end:
            await batcher.submit(row)
            answers += 1

    start = time.monotonic()
    await asyncio.gather(*map(client, range(clients)))
    passed = time.monotonic() - start
    await batcher.close()
    return answers / passed, statistics.mean(sizes)


def report(title: str, spec: ServingSpec, settings: argparse.Namespace) -> None:
    """Prints the tables of one generator."""
    z = np.random.default_rng(0).normal(size=(64, spec.latent.size)).astype(np.float32)
    engines = {name: open_engine(name, spec, num_threads=settings.threads) for name in ENGINES}
    print(f"\n{title}\n{'ms a call (ms of processor)':28}", *(f"{n:>18}" for n in ENGINES))
    for batch in BATCHES:
        times = call_times(engines, z[:batch])
        cells = [f"{clock:9.3f} ({work:6.3f})" for clock, work in times.values()]
        print(f"{f'batch {batch}':28}", *(f"{cell:>18}" for cell in cells))
    print(f"{'difference between batches':28}", end=" ")
    print(*(f"{difference(engine, z):18.2g}" for engine in engines.values()))
    for rows in (1, 64):
        cells = []
        for engine in engines.values():
            options = {"rows": rows, "clients": settings.clients, "seconds": settings.seconds}
            rate, mean = asyncio.run(throughput(engine, z, **options))
            cells.append(f"{rate:9.0f} ({mean:4.1f})")
        label = "answers/s (rows a batch), " + ("none" if rows == 1 else f"up to {rows}")
        print(f"{label:28}", *(f"{cell:>18}" for cell in cells))


def main() -> None:
    """Reads the command line and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each throughput")
    parser.add_argument("--threads", type=int, default=1, help="within one call of an engine")
    parser.add_argument("--clients", type=int, default=64)
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        for number, (title, (size, make)) in enumerate(GENERATORS.items()):
            with quiet_stderr():
                keras.utils.set_random_seed(0)
                spec = write(make(), size, Path(directory, str(number)).resolve())
            report(title, spec, settings)


if __name__ == "__main__":
    main()
