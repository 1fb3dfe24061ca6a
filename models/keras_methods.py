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
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.batches import minibatches
from ganapp.models.callbacks import prepare_callbacks
from ganapp.models.checks import RANGES, check_trainable, final_activation
from ganapp.models.contracts import Array, Element
from ganapp.models.optimizers import as_given
from ganapp.models.rules import Combination, CombinationWarning, refuse
from ganapp.models.serialization import Config, check_registered, description, serialize_parts
from ganapp.models.summary import summary_text
from ganapp.models.tensors import EXAMPLE, LATENT, Tensors, apply
from ganapp.training.registry import import_members

Arguments = dict[str, object]
TOLERANCE = 0.01  # of the generator's range, by which data may exceed it


class KerasMethods(keras.Model):
    """`fit`, `evaluate`, calling, saving and loading of a GAN."""

    _one_step: Callable | None = None

    def fit(self, *args: object, **kwargs: object) -> keras.callbacks.History:
        """Keras's `fit`.

        Logs are those of the last step, not means. The progress bar shows the two losses, `D` and
        `G`; the history and all callbacks get every log.

        Raises:
            ValueError: for weights of examples or classes, data that do not fit, and callbacks that
                would fail at the end of an epoch.
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

    def save(
        self, filepath: str | os.PathLike, overwrite: bool = True, zipped: bool | None = None
    ) -> None:
        """Keras's `save` of all of it: `keras.models.load_model` gives a GAN that goes on training.

        A `.keras` file is there whole or not at all.

        Args:
            filepath: ends in `.keras`, but for a folder.
            overwrite: `False` asks before a file is replaced.
            zipped: `False` for a folder of files.

        Raises:
            ValueError: it ends in something else, or Keras could not make a part of it again.
        """
        path = Path(filepath)
        if zipped is not False:
            _check_suffix(path)
        if zipped is False or not overwrite:
            super().save(filepath, overwrite=overwrite, zipped=zipped)
            return
        temporary = path.with_name(f".{path.stem}.tmp.keras")
        try:
            super().save(temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)

    def check_saving(self, filepath: str | os.PathLike) -> None:
        """Refuses what `save` refuses; nothing is written.

        Raises:
            ValueError: as of `save`.
        """
        _check_suffix(filepath)
        keras.saving.serialize_keras_object(self)

    def get_config(self) -> Config:
        """What another GAN of its kind is made from, with networks of new weights.

        Raises:
            ValueError: Keras could not make a part of it again; with what to write.
        """
        check_registered("gan.save", description(type(self)))
        parts = {"generator": self.generator, "discriminator": self.discriminator}
        parts |= {"prior": self.prior, "companions": self.companions}
        options = ("name", "seed", "ema_half_life", "ema_warm_up", "packing")
        return {
            **serialize_parts("gan.save", **parts),
            **{name: getattr(self, name) for name in options},
            "class_shares": list(self.class_shares) or None,
        }

    @classmethod
    def from_config(cls, config: Config) -> "KerasMethods":
        """Another GAN of what `get_config` gave; not compiled."""
        import_members()
        return cls(**keras.saving.deserialize_keras_object(dict(config)))

    def get_compile_config(self) -> Config:
        """The arguments of `compile`; empty before it."""
        if not self.compiled:
            return {}
        optimizers = self.generator_optimizer, self.discriminator_optimizer
        names = "generator_optimizer", "discriminator_optimizer"
        with as_given(*optimizers):
            parts = dict(zip(names, optimizers, strict=True)) | {"objective": self.objective}
            return serialize_parts("gan.save", **parts) | self._compile_options

    def compile_from_config(self, config: Config) -> None:
        """Compiles with what `get_compile_config` gave."""
        with warnings.catch_warnings():  # what is advised against has been said of the saved one
            warnings.simplefilter("ignore", CombinationWarning)
            self.compile(**keras.saving.deserialize_keras_object(dict(config)))

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], None] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
    ) -> None:
        """Prints both players, companions and averages, what trains them, and the objective.

        Args:
            line_length: columns.
            print_fn: is given the text instead of `print`.
            expand_nested: print the layers of each network as well, with
            positions, show_trainable, layer_range: as Keras prints them.
        """
        (print_fn or print)(summary_text(self, line_length))
        if not expand_nested:
            return
        for network in (self.generator, self.discriminator, *self.companion_networks.values()):
            network.summary(
                line_length, positions, print_fn, expand_nested, show_trainable, layer_range
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
        for name, state in self._random_states().items():
            store[name] = state.numpy()

    def load_own_variables(self, store: MutableMapping[str, np.ndarray]) -> None:
        """Restores what `save_own_variables` saved; older files hold no random state."""
        saved = {name: store[name] for name in store.keys()}  # noqa: SIM118 (not iterable itself)
        found = {name: saved.pop(name) for name in [*saved] if name.startswith("random")}
        super().load_own_variables(saved)
        for name, state in self._random_states().items():
            if name in found:
                state.assign(found[name])

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

    def _random_states(self) -> dict[str, keras.Variable]:
        """The state of random layers, by the part that they are in.

        A part's own order is that of its configuration; the order of the parts is that of their
        making, and another one in a GAN that was loaded.
        """
        parts = {name: getattr(self, name) for name in ("generator", "discriminator")}
        parts |= {f"ema_{name}": each for name, each in self.ema_companions.items()}
        parts |= {"ema_generator": self.ema_generator} | self.companion_networks
        known = {id(variable) for variable in self.weights}
        found = {}
        for part, network in (parts | {"gan": self}).items():
            own = [variable for variable in network.variables if id(variable) not in known]
            known |= {id(variable) for variable in own}
            found |= {f"random_{part}_{index}": state for index, state in enumerate(own)}
        return found


def _by_name(method: Callable, *args: object, **kwargs: object) -> Arguments:
    """The arguments of a method of Keras by name, without `self`."""
    given = dict(inspect.signature(method).bind(*args, **kwargs).arguments)
    given.pop("self")
    return given | given.pop("kwargs", {})


def _check_suffix(filepath: str | os.PathLike) -> None:
    if not str(filepath).endswith(".keras"):
        raise ValueError(
            f"A GAN is saved whole in a file `.keras`, its weights alone in one `.weights.h5`. "
            f"Received: filepath={filepath}"
        )


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
