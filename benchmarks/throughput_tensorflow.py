"""The contenders that run on TensorFlow, each timed in turns of a few steps."""

import time

import keras
import numpy as np
import tensorflow as tf

from benchmarks.throughput_bare import BareStep, compiled_loop
from benchmarks.throughput_cases import Case
from ganapp.models import GAN
from ganapp.training.priors import Normal


def dataset(case: Case) -> tf.data.Dataset:
    """Endless batches from memory, prefetched."""
    return tf.data.Dataset.from_tensor_slices(case.batches()).repeat().prefetch(4)


def clocks() -> np.ndarray:
    """Now, in seconds of the wall clock and of this process's processors, all threads together."""
    return np.array([time.perf_counter(), time.process_time()])


class Marks(keras.callbacks.Callback):
    """Notes when each execution of `fit` ends."""

    def on_train_begin(self, logs=None) -> None:
        self.times: list[np.ndarray] = []

    def on_train_batch_end(self, batch, logs=None) -> None:
        self.times.append(clocks())


class Fit:
    """`GAN.compile` and `fit`, everything as a user gets it.

    Args:
        case: what to train.
        ema: keep a moving average of the generator.
        steps_per_execution: training steps in one call of the compiled function.
        jit_compile: compile the step with XLA.
    """

    def __init__(
        self, case: Case, *, ema: bool, steps_per_execution: int, jit_compile: bool = False
    ) -> None:
        self.steps_per_execution = steps_per_execution
        generator, discriminator = case.networks()
        prior = Normal(size=generator.input_shape[1])
        average = {} if ema else {"ema_half_life": None}
        self.gan = GAN(generator, discriminator, prior, **average)
        self.gan.compile(
            objective=case.objective,
            steps_per_execution=steps_per_execution,
            jit_compile=jit_compile,
        )
        self.data, self.marks = dataset(case), Marks()

    def turn(self, steps: int) -> np.ndarray:
        """Seconds a step by both clocks, over `steps` of them.

        The first execution of each `fit` is left out: it opens the dataset, which a real run does
        once in thousands of steps.
        """
        self.gan.fit(
            self.data,
            steps_per_epoch=steps + self.steps_per_execution,
            verbose=0,
            callbacks=[self.marks],
        )
        return (self.marks.times[-1] - self.marks.times[0]) / steps


class Bare:
    """A hand-written loop around the hand-written step; arguments as above."""

    def __init__(self, case: Case, *, ema: bool, steps_per_execution: int) -> None:
        self.steps_per_execution = steps_per_execution
        self.run = compiled_loop(BareStep(case, ema=ema), steps_per_execution)
        self.data = dataset(case)

    def turn(self, steps: int) -> np.ndarray:
        """Seconds a step by both clocks, over `steps`; the first call is left out as above."""
        iterator = iter(self.data)
        self.run(iterator)
        start = clocks()
        for _ in range(steps // self.steps_per_execution):
            self.run(iterator)
        return (clocks() - start) / steps


class Rate:
    """How fast this machine multiplies: the yardstick of all other rows.

    Args:
        kind: `"matrix product"` (2048 x 2048) or `"convolution"` (64 maps, 3x3, 28x28, batch 64).
        dtype: of the operands.
    """

    def __init__(self, kind: str, dtype: str = "float32") -> None:
        if kind == "matrix product":
            left = right = tf.cast(tf.random.normal((2048, 2048)), dtype)
            operation, self.operations = tf.matmul, 2 * 2048**3
        else:
            left = tf.cast(tf.random.normal((64, 28, 28, 64)), dtype)
            right = tf.cast(tf.random.normal((3, 3, 64, 64)), dtype)
            operation = lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME")  # noqa: E731
            self.operations = 2 * 64 * 28 * 28 * 9 * 64 * 64
        self.run = tf.function(lambda: operation(left, right))

    def turn(self, steps: int = 10) -> float:
        """Operations a second."""
        self.run()
        start = time.perf_counter()
        for _ in range(steps):
            self.run()
        return steps * self.operations / (time.perf_counter() - start)
