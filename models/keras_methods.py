"""Keras's own methods on a GAN, on any number of replicas and workers.

What would have no effect or fail late is refused at once. Keras's own train function fails under
several workers (scalar logs are reduced along an axis they do not have, keras-team/keras#20585) and
crashes with `steps_per_execution` above 1 on two or more replicas; `make_train_function` is its
public hook.
"""

import functools
import inspect
import itertools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.batches import minibatches
from ganapp.models.checks import RANGES, check_trainable, final_activation
from ganapp.models.contracts import Array, Element
from ganapp.models.rules import Combination, refuse
from ganapp.models.tensors import EXAMPLE, LATENT, Tensors, apply
from ganapp.training.messages import non_finite_message

Arguments = dict[str, object]
Logs = dict[str, float | tf.Tensor]
Callbacks = (
    keras.callbacks.CallbackList
    | keras.callbacks.Callback
    | Sequence[keras.callbacks.Callback]
    | None
)
TOLERANCE = 0.01  # of the generator's range, by which data may exceed it
SHOWN = {
    "discriminator_loss": "D",
    "generator_loss": "G",
    "val_discriminator_loss": "val_D",
}
BAR_WIDTH = 10
NO_LOGS = ("loss", "val_loss", "accuracy", "val_accuracy")  # of other models


class KerasMethods(keras.Model):
    """`fit`, `evaluate`, calling, saving and loading of a GAN."""

    _one_step: Callable | None = None

    def fit(self, *args: object, **kwargs: object) -> keras.callbacks.History:
        """Keras's `fit`.

        Logs are those of the last step, not means. The progress bar shows the two losses, `D` and
        `G`; the history and all callbacks get every log.

        Raises:
            ValueError: for weights of examples or classes, and data that do not fit.
            NotImplementedError: for a callback that would save the GAN whole.
        """
        self._assert_compile_called("fit")
        given = _by_name(keras.Model.fit, self, *args, **kwargs)
        _refuse_weights("fit", given)
        for name in ("x", "validation_data"):
            _refuse_third_element(name, given.get(name))
        _check_batch_sizes(given, self._examples_per_unit)
        self._check_trainable()
        self._first_batch_is_due = True
        if isinstance(given.get("x"), tf.data.Dataset | tf.distribute.DistributedDataset):
            given.setdefault("shuffle", False)  # it has an order of its own
        return super().fit(**self._with_callbacks(given))

    def evaluate(self, *args: object, **kwargs: object) -> dict[str, float] | list[float]:
        """Keras's `evaluate`: losses and score statistics on held-out examples."""
        given = _by_name(keras.Model.evaluate, self, *args, **kwargs)
        _refuse_weights("evaluate", given)
        _refuse_third_element("x", given.get("x"))
        return super().evaluate(**self._with_callbacks(given))

    def train_on_batch(
        self,
        x: Array | Mapping[str, Array],
        y: Array | None = None,
        sample_weight: Array | None = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = True,
    ) -> dict[str, float]:
        """One step on one batch, as in `fit`; its logs, always by name.

        Args:
            x: `discriminator_steps * batch_size` examples.
            y: their labels, where the networks take `label`.
            sample_weight, class_weight: not supported.
            return_dict: not looked at.
        """
        self._assert_compile_called("train_on_batch")
        weights = {"sample_weight": sample_weight, "class_weight": class_weight}
        _refuse_weights("train_on_batch", weights)
        self._check_trainable()
        if self._one_step is None:  # the first; a look at each would cost as much as a small step
            self.check_batch(_element(x, y))
        logs = self._one_step_function()(next(self._iterator(x, y)))
        return {name: float(value) for name, value in logs.items()}

    def test_on_batch(
        self,
        x: Array | Mapping[str, Array],
        y: Array | None = None,
        sample_weight: Array | None = None,
        return_dict: bool = True,
    ) -> dict[str, float]:
        """Losses and score statistics on one batch of held-out examples; nothing is updated."""
        _refuse_weights("test_on_batch", {"sample_weight": sample_weight})
        data = tf.data.Dataset.from_tensors(_element(x, y))
        return self.evaluate(data, verbose=0, return_dict=True)

    def call(self, latents: Array | Tensors, training: bool = False) -> tf.Tensor:
        """Maps latents to examples: `predict(latents)` does so in batches.

        Args:
            latents: `(batch, prior.size)`, or a dict as `gan.inputs(count)` draws it.
            training: use the generator that is being trained, not the averaged one.
        """
        given = latents if isinstance(latents, dict) else {LATENT: latents}
        for name, size in self.latent_sizes.items():
            shape = tuple(given[name].shape[1:]) if name in given else None
            if shape != (size,):
                raise ValueError(
                    f"A GAN maps latents {name!r} (batch, {size}) to examples; scores of examples "
                    f"are `gan.scores(examples)`. Received: shape {shape}"
                )
        network = self.generator if training else self.ema_generator
        return apply(network, given, training=training)[EXAMPLE]

    def save(self, *args: object, **kwargs: object) -> None:
        """Not supported: a GAN's objective and prior are no Keras objects."""
        raise NotImplementedError(
            "A GAN is not saved whole. Save its weights with `gan.save_weights(...)` (as a "
            "callback: `ModelCheckpoint(..., save_weights_only=True)`), or the generator to keep "
            "with `gan.ema_generator.save(...)`."
        )

    def export(self, *args: object, **kwargs: object) -> None:
        raise NotImplementedError(
            "A GAN is not exported whole. Export the generator to keep with "
            "`gan.ema_generator.export(...)`."
        )

    def load_weights(self, filepath: str | os.PathLike, *args: object, **kwargs: object) -> None:
        """Keras's `load_weights`; after `compile`, so that the optimizers' moments come along."""
        if self.compiled:
            super().load_weights(filepath, *args, **kwargs)
            return
        try:
            super().load_weights(filepath, *args, **kwargs)
        except ValueError as error:  # a constraint gives the discriminator further weights
            raise ValueError(
                "`load_weights` needs the GAN as it was when the weights were saved: call "
                f"`compile` first. Received: {filepath}, of which Keras says: {error}"
            ) from error
        self._loaded_before_compile = str(filepath)

    def compile(self, *args: object, **kwargs: object) -> None:
        """Keras's `compile`; functions of an earlier one are forgotten."""
        self._one_step = None
        super().compile(*args, **kwargs)
        if filepath := self.__dict__.pop("_loaded_before_compile", None):
            warnings.warn(
                "`load_weights` came before `compile`, so the optimizers start anew, without the "
                "moments and schedules in the file: call `compile` first, then `load_weights`. "
                f"Received: {filepath} at step {int(self.step.numpy())}",
                stacklevel=3,
            )

    def save_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Saves the counters and, which Keras leaves out, the state of random layers."""
        super().save_own_variables(store)
        for index, state in enumerate(self._random_states()):
            store[f"random_{index}"] = state.numpy()

    def load_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Restores what `save_own_variables` saved; older files hold no random state."""
        saved = {name: store[name] for name in store.keys()}  # noqa: SIM118 (not iterable itself)
        states = [(saved.pop(f"random_{i}", None), s) for i, s in enumerate(self._random_states())]
        super().load_own_variables(saved)
        for value, state in states:
            if value is not None:
                state.assign(value)

    def check_batch(self, data: Element) -> None:
        """Refuses what no step can take; warns of data beyond the generator's range."""
        tensors = self.unpack(data)
        real = tensors[EXAMPLE]
        parts = self._examples_per_unit // self.packing
        of_replica = minibatches(tensors, parts)[0][EXAMPLE].shape[0]
        refuse(Combination(packing=self.packing, batch_size=of_replica))
        activation = final_activation(self.generator)
        if activation in RANGES and not self._range_is_checked:
            self._range_is_checked = True
            _warn_of_range(real, activation)

    def make_train_function(self, force: bool = False) -> Callable:
        """The function `fit` calls: `steps_per_execution` training steps, logs of the last."""
        if self.train_function is None or force:
            one_step = self._on_replicas(self.train_step, tf.distribute.ReduceOp.MEAN)
            further_steps = self.steps_per_execution - 1

            def train_function(iterator):
                if further_steps:  # a loop of none would trace the step a second time
                    for _ in tf.range(further_steps):
                        one_step(next(iterator))  # its logs are pruned from the graph
                return one_step(next(iterator))

            compiled = self._compiled(train_function)
            self.train_function = lambda iterator: compiled(self._check_first_batch(iterator))
        return self.train_function

    def _one_step_function(self) -> Callable:
        """The function `train_on_batch` calls: one step on one element; returns its logs."""
        if self._one_step is None:
            self._one_step = self._compiled(
                self._on_replicas(self.train_step, tf.distribute.ReduceOp.MEAN)
            )
        return self._one_step

    def make_test_function(self, force: bool = False) -> Callable:
        """The function `evaluate` calls: one step; returns the mean of the logs so far.

        Keras would report the last batch alone, because there are no Keras metrics here.
        """
        if self.test_function is None or force:
            one_batch = self._on_replicas(self._weighted_test_step, tf.distribute.ReduceOp.SUM)
            one_step = self._compiled(lambda iterator: one_batch(next(iterator)))
            self.test_function = lambda iterator: self._mean_over_batches(one_step, iterator)
        return self.test_function

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._test_sums = {}
        self.test_batch.assign(0)

    def _weighted_test_step(self, data: Element) -> dict:
        """Logs times rows, and the rows: a last batch may be smaller, or empty on a replica."""
        rows = tf.cast(tf.shape(tf.nest.flatten(data)[0])[0], tf.float32)
        logs = self.test_step(data)
        weighted = {name: tf.where(rows > 0, value * rows, 0.0) for name, value in logs.items()}
        return weighted | {"rows": rows}

    def _mean_over_batches(self, one_step: Callable, iterator: Iterator) -> dict:
        """Tests one execution's batches, the last of which may be missing."""
        for place in range(self.steps_per_execution):
            try:
                logs = one_step(iterator)
            except tf.errors.OutOfRangeError:
                if place == 0:
                    raise
                break
            self._test_sums = {k: self._test_sums.get(k, 0.0) + v for k, v in logs.items()}
        sums = dict(self._test_sums)
        rows = sums.pop("rows")
        return {name: value / rows for name, value in sums.items()}

    def _maybe_symbolic_build(self, iterator: object = None, data_batch: object = None) -> None:
        """Nothing: all is built in `compile`, and Keras fails here under several workers."""

    def _on_replicas(self, step: Callable, operation: tf.distribute.ReduceOp) -> Callable:
        """`step` on every replica, its scalar logs reduced over them."""
        strategy = self.distribute_strategy
        if self.jit_compile:
            step = tf.function(step, jit_compile=True, reduce_retracing=True)
        names: list[str] = []

        def logged(data):
            # When the data run out, `next` fails, but what does not wait for the data would still
            # run: counters and moments would take half a step too many.
            with tf.control_dependencies(tf.nest.flatten(data)):
                logs = step(data)
            names[:] = logs
            # One vector: a single reduction, however many values are logged.
            return tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

        # As in Keras's own trainer: what is called here is a graph as it stands, and to rewrite
        # all of it as AutoGraph would takes longer than to trace it.
        @tf.autograph.experimental.do_not_convert
        def run(data):
            values = strategy.run(logged, args=(data,))
            # axis=None: reduced over replicas, not along an axis of the values.
            reduced = strategy.reduce(operation, values, axis=None)
            return dict(zip(names, tf.unstack(reduced), strict=True))

        return run

    def _compiled(self, function: Callable) -> Callable:
        return function if self.run_eagerly else tf.function(function, reduce_retracing=True)

    def _check_first_batch(self, iterator: Iterator[Element]) -> Iterator[Element]:
        """An iterator that gives the same, after the first batch of a `fit` has been checked.

        A distributed one is not checked, for its batches cannot be given back.
        """
        due, self._first_batch_is_due = self._first_batch_is_due, False
        if not due or not isinstance(iterator, tf.data.Iterator):
            return iterator
        if not all(isinstance(x, tf.TensorSpec) for x in tf.nest.flatten(iterator.element_spec)):
            return iterator
        first = list(itertools.islice(iterator, self.steps_per_execution))
        if not first:
            return iterator
        self.check_batch(first[0])
        return _iterator_over(first, iterator.element_spec)

    @property
    def _examples_per_unit(self) -> int:
        replicas = self.distribute_strategy.num_replicas_in_sync
        return self.objective.discriminator_steps * self.packing * replicas

    def _with_callbacks(self, given: Arguments) -> Arguments:
        progress = given.get("verbose", "auto") != 0
        callbacks = prepare_callbacks(self, given.get("callbacks"), progress=progress)
        return given | {"callbacks": callbacks}

    def _check_trainable(self) -> None:
        for network in (self.generator, self.discriminator):
            check_trainable(network)

    def _iterator(self, x: Array | Mapping[str, Array], y: Array | None) -> Iterator[Element]:
        data = tf.data.Dataset.from_tensors(_element(x, y))
        if self.distribute_strategy.num_replicas_in_sync > 1:
            data = self.distribute_strategy.experimental_distribute_dataset(data)
        return iter(data)

    def _random_states(self) -> list[keras.Variable]:
        known = {id(variable) for variable in self.weights}
        return [variable for variable in self.variables if id(variable) not in known]


def _by_name(method: Callable, *args: object, **kwargs: object) -> Arguments:
    """The arguments of a method of Keras by name, without `self`."""
    given = dict(inspect.signature(method).bind(*args, **kwargs).arguments)
    given.pop("self")
    return given | given.pop("kwargs", {})


def _element(x: Array | Mapping[str, Array], y: Array | None) -> Element:
    """One batch as an element of a dataset; floats as float32."""

    def tensor(values: Array) -> tf.Tensor:
        values = tf.convert_to_tensor(values)
        return tf.cast(values, tf.float32) if values.dtype.is_floating else values

    x = {name: tensor(each) for name, each in x.items()} if isinstance(x, dict) else tensor(x)
    return x if y is None else (x, tensor(y))


def _iterator_over(elements: list, spec: tf.TensorSpec | tuple | dict) -> tf.data.Iterator:
    """An iterator of the type of `spec`; with another, a compiled function is traced again."""

    def loosen(*parts: Element) -> Element:
        pairs = zip(tf.nest.flatten(parts), tf.nest.flatten(spec), strict=True)
        shaped = [tf.raw_ops.PlaceholderWithDefault(input=x, shape=s.shape) for x, s in pairs]
        return tf.nest.pack_sequence_as(spec, shaped)

    first, *others = (tf.data.Dataset.from_tensors(element).map(loosen) for element in elements)
    return iter(functools.reduce(tf.data.Dataset.concatenate, others, first))


def _refuse_weights(method: str, arguments: Arguments) -> None:
    for name in ("class_weight", "sample_weight"):
        if arguments.get(name) is not None:
            raise ValueError(
                f"`{method}` takes no `{name}`: a GAN learns the distribution it is shown. Show "
                "rare examples more often instead, for example with "
                "`tf.data.Dataset.sample_from_datasets(datasets, weights)`, or ask for classes by "
                "a generator that takes 'label' (`class_shares` says how often each is drawn). "
                f"Received: {name}={arguments[name]!r}"
            )


def _refuse_third_element(name: str, data: object) -> None:
    spec = getattr(data, "element_spec", data if isinstance(data, tuple | list) else None)
    if isinstance(spec, tuple | list) and len(spec) > 2 and spec[2] is not None:
        raise ValueError(
            f"`{name}` must hold examples, or (examples, labels): weights of examples have no "
            f"effect on a GAN; map the dataset to leave them out. Received: {len(spec)} elements"
        )


def _check_batch_sizes(given: Arguments, unit: int) -> None:
    """Refuses batches of arrays that no step can take; warns of short batches of datasets."""
    data = given.get("x")
    if isinstance(data, tf.data.Dataset):
        _warn_of_short_batches(data, unit)
    elif isinstance(data, np.ndarray | tf.Tensor) and not given.get("validation_split"):
        size = given.get("batch_size") or 32
        if len(data) % size % unit or size % unit:
            raise ValueError(
                f"`batch_size` must be a multiple of {unit} (discriminator steps x packing x "
                "replicas), and so must the rest of the examples that makes the last batch. "
                f"Received: batch_size={size} and {len(data)} examples"
            )


def _warn_of_short_batches(data: tf.data.Dataset, unit: int) -> None:
    """Of a dataset that ends and whose batches have no fixed size."""
    first = data.element_spec
    first = first[0] if isinstance(first, tuple | list) and first else first
    shape = getattr(first, "shape", None)
    if shape is None or shape.rank in (None, 0) or shape[0] is not None:
        return
    if data.cardinality() == tf.data.INFINITE_CARDINALITY:
        return
    fails = f" and training fails there unless it is a multiple of {unit}" if unit > 1 else ""
    warnings.warn(
        "The dataset's batches have no fixed size, so the last one of an epoch may hold a few "
        f"examples only, from which a whole update would be made{fails}: use "
        "`batch(..., drop_remainder=True)`.",
        stacklevel=4,
    )


def _warn_of_range(real: tf.Tensor, activation: str) -> None:
    low, high = RANGES[activation]
    least, most = float(np.min(real)), float(np.max(real))
    slack = TOLERANCE * (high - low if np.isfinite(high - low) else 1.0)
    if not (least < low - slack or most > high + slack):  # not finite is another matter
        return
    warnings.warn(
        f"The data reach from {least:g} to {most:g}, but `generator` ends in {activation!r}, "
        f"which makes values from {low:g} to {high:g}: it can never make the others, and the "
        "discriminator knows them by that. Scale the data (pixels by `x / 127.5 - 1` for a tanh, "
        "`x / 255` for a sigmoid), or leave the generator's last activation out.",
        stacklevel=2,
    )


class ShortProgress(keras.callbacks.ProgbarLogger):
    """Keras's progress bar with the two losses, `D` and `G`, not with all of some twenty logs."""

    def _maybe_init_progbar(self) -> None:
        super()._maybe_init_progbar()
        self.progbar.width = BAR_WIDTH

    def _update_progbar(self, batch: int, logs: Logs | None = None) -> None:
        super()._update_progbar(batch, shown_logs(logs))

    def _finalize_progbar(self, logs: Logs | None) -> None:
        super()._finalize_progbar(shown_logs(logs))


def shown_logs(logs: Logs | None) -> Logs:
    logs = logs or {}
    return {short: logs[name] for name, short in SHOWN.items() if name in logs}


class LossForTerminateOnNaN(keras.callbacks.Callback):
    """Gives `TerminateOnNaN`, before which it stands, the `loss` that it looks at.

    It is NaN where a log is not finite.

    A GAN has two losses and many terms: a warning says which value was not finite.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begin = 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        scaling = isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)
        if non_finite_message(logs or {}, 0, 1, loss_scaling=scaling):
            step, executed = int(self.model.step.numpy()), batch - self._begin + 1
            warnings.warn(
                non_finite_message(logs, step, executed, loss_scaling=scaling), stacklevel=2
            )
            logs["loss"] = float("nan")


def prepare_callbacks(model: keras.Model, callbacks: Callbacks, *, progress: bool) -> Callbacks:
    """The callbacks to hand to Keras: those given, in any form that Keras takes, and ours.

    Raises:
        NotImplementedError: one would save the GAN whole, and fail at the end of the first epoch.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    given = keras.tree.flatten(callbacks) if callbacks is not None else []
    for callback in given:
        _check_callback(model, callback)
    if any(isinstance(each, keras.callbacks.TerminateOnNaN) for each in given):
        given = [LossForTerminateOnNaN(), *given]
    if progress and not any(isinstance(each, keras.callbacks.ProgbarLogger) for each in given):
        given = [*given, ShortProgress()]
    return given


def _check_callback(model: keras.Model, callback: keras.callbacks.Callback) -> None:
    monitors = isinstance(
        callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau
    )
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        if not callback.save_weights_only:
            model.save(callback.filepath)  # says what to save instead
        monitors = callback.save_best_only
    name = type(callback).__name__
    if monitors and callback.monitor in NO_LOGS:
        warnings.warn(
            f"`{name}` must look at a log that a GAN has (discriminator_loss, generator_loss, "
            "score_gap, ...; with validation data also val_discriminator_loss, ...), and neither "
            "loss says how good the samples are. It will do nothing. "
            f"Received: monitor={callback.monitor!r}",
            stacklevel=4,
        )
    rates = keras.callbacks.LearningRateScheduler | keras.callbacks.ReduceLROnPlateau
    if isinstance(callback, rates):
        warnings.warn(
            f"`{name}` changes the learning rate of the generator alone; give each of the two "
            "optimizers a schedule (`keras.optimizers.schedules`) instead to change both.",
            stacklevel=4,
        )
