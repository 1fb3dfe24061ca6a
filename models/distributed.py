"""One training function for one device, MirroredStrategy and MultiWorkerMirroredStrategy.

Keras's own train function fails under several workers (scalar logs are reduced along an axis they
do not have, keras-team/keras#20585) and crashes with `steps_per_execution` above 1 on two or more
replicas. `make_train_function` is its public hook; this mixin overrides it.
"""

from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from ganapp.models.contracts import Element


class DistributedFunctions(keras.Model):
    """Makes `fit` and `evaluate` correct on any number of replicas and workers."""

    _one_step: Callable | None = None

    def compile(self, *args, **kwargs) -> None:
        """Keras's `compile`; functions of an earlier one are forgotten."""
        self._one_step = None
        super().compile(*args, **kwargs)

    def fit(self, x: object = None, *args, **kwargs) -> keras.callbacks.History:
        """Keras's `fit`. A `tf.data.Dataset` has its own order, so it is not asked to shuffle."""
        if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset):
            kwargs.setdefault("shuffle", False)
        return super().fit(x, *args, **kwargs)

    def make_train_function(self, force: bool = False) -> Callable:
        """The function `fit` calls: `steps_per_execution` training steps, logs of the last."""
        if self.train_function is None or force:
            one_step = self._on_replicas(self.train_step, tf.distribute.ReduceOp.MEAN)
            further_steps = self.steps_per_execution - 1

            def train_function(iterator):
                if further_steps:  # a loop of none would trace the step a second time
                    for _ in tf.range(further_steps):
                        # Logs that nobody takes are pruned from the graph, so only the last step
                        # pays for its statistics.
                        one_step(next(iterator))
                return one_step(next(iterator))

            compiled = self._compiled(train_function)

            def checked_function(iterator):
                return compiled(self.check_first_batch(iterator))

            self.train_function = checked_function
        return self.train_function

    def one_step_function(self) -> Callable:
        """The function `train_on_batch` calls: one step on one element; returns its logs."""
        if self._one_step is None:
            self._one_step = self._compiled(
                self._on_replicas(self.train_step, tf.distribute.ReduceOp.MEAN)
            )
        return self._one_step

    def check_first_batch(self, iterator: Iterator) -> Iterator:
        """A hook: an iterator of the same elements, after a look at the first ones."""
        return iterator

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
        """Everything is built in `compile`.

        Keras would draw a batch to build the model with and, under several workers, fail in
        reducing it over replicas.
        """

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
