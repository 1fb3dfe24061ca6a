"""The optimizers of the two networks: chosen, made ready, and applied on any number of replicas."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from ganapp.models.contracts import Objective, Optimizer
from ganapp.models.replicas import sum_over_replicas
from ganapp.models.tensors import all_layers


def both_optimizers(
    generator_optimizer: Optimizer, discriminator_optimizer: Optimizer, objective: Objective
) -> tuple[Optimizer, Optimizer]:
    """The optimizers of the two networks, each an instance of its own.

    One that is given alone is used for both, for its rate beside the default of another would be
    nobody's choice.
    """
    if generator_optimizer is None and discriminator_optimizer is None:
        return objective.generator_optimizer.build(), objective.discriminator_optimizer.build()
    pair = generator_optimizer, discriminator_optimizer
    given = keras.optimizers.get(next(each for each in pair if each is not None))
    if None not in pair:
        return pair
    rate = getattr(given, "inner_optimizer", given).get_config().get("learning_rate")
    if objective.discriminator_steps > 1 and isinstance(rate, dict):
        raise ValueError(
            "A learning rate schedule counts updates, of which the discriminator makes "
            f"{objective.discriminator_steps} in each step: give both `generator_optimizer` and "
            f"`discriminator_optimizer`. Received: one {given.name!r} with a schedule"
        )
    copy = type(given).from_config(given.get_config())
    return (given, copy) if generator_optimizer is not None else (copy, given)


def prepare_optimizer(
    optimizer: Optimizer, networks: Sequence[keras.Model]
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of networks ready: built, and loss-scaled under float16.

    An optimizer left to build itself later would do so on both networks, or lose its moments when
    a checkpoint is restored into it.
    """
    optimizer = keras.optimizers.get(optimizer)
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    layers = [layer for network in networks for layer in all_layers(network)]
    half = any(layer.compute_dtype == "float16" for layer in layers)
    if half and not scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if inner.use_ema:
        raise ValueError(
            "`use_ema` of an optimizer would overwrite the network at the end of every `fit`; the "
            "GAN keeps an average of its own (`ema_half_life`). Received: use_ema=True"
        )
    variables = [variable for network in networks for variable in network.trainable_variables]
    # Keras has no public way to the variables that an optimizer was built for.
    if inner.built and [id(v) for v in inner._trainable_variables] != [id(v) for v in variables]:
        raise ValueError(
            "Each optimizer keeps moments of one network's variables; make a new one. "
            f"Received: {inner.name!r}, which was built for other variables than those of "
            f"{networks[0].name!r}"
        )
    if not optimizer.built:
        optimizer.build(variables)
    if tf.distribute.has_strategy() and not isinstance(inner, ReplicaOptimizer):
        # The user's optimizer is made and built already: its class is exchanged, not the object.
        kind = type(inner)
        object.__setattr__(inner, "__class__", type(kind.__name__, (ReplicaOptimizer, kind), {}))
    return optimizer


class ReplicaOptimizer:
    """Mixed into an optimizer of Keras under a distribution strategy.

    The gradients that it gets are those of the global batch: it sums them no second time.

    Keras decides within each replica whether an update of accumulated gradients is due, and
    TensorFlow lets no branch of such a decision talk to the other replicas, as every assignment to
    a mirrored variable must. Here it is decided once for all of them.
    """

    def _all_reduce_sum_gradients(self, pairs: list) -> list:
        return pairs

    def _backend_apply_gradients(self, gradients: list, variables: list) -> None:
        if not self.gradient_accumulation_steps:
            super()._backend_apply_gradients(gradients, variables)
            return
        context = tf.distribute.get_replica_context()
        context.merge_call(self._accumulate_or_update, args=(list(gradients), list(variables)))

    def _accumulate_or_update(
        self, strategy: tf.distribute.Strategy, gradients: list, variables: list
    ) -> None:
        def on_replicas(function: Callable[[list, list], None]) -> Callable[[], object]:
            call = strategy.extended.call_for_each_replica
            return lambda: call(function, (gradients, variables))

        due = tf.equal((self._iterations.value + 1) % self.gradient_accumulation_steps, 0)
        keras.ops.cond(due, on_replicas(self._update), on_replicas(self._accumulate))

    def _accumulators(self, variables: list) -> list[keras.Variable]:
        return [self._accumulated_gradients[self._get_variable_index(x)] for x in variables]

    def _accumulate(self, gradients: list, variables: list) -> None:
        self._backend_increment_gradient_accumulators(gradients, self._accumulators(variables))

    def _update(self, gradients: list, variables: list) -> None:
        held = self._accumulators(variables)
        sums = [each.value + new for each, new in zip(held, gradients, strict=True)]
        means = self._clip_gradients([x / self.gradient_accumulation_steps for x in sums])
        self._apply_weight_decay(variables)
        self._backend_update_step(means, variables, self.learning_rate)
        self._accumulate([-each.value for each in held], variables)  # back to 0


@contextlib.contextmanager
def as_given(*optimizers: keras.optimizers.Optimizer) -> Iterator[None]:
    """Optimizers of the classes that they were given as, while they are written down."""
    inner = [getattr(optimizer, "inner_optimizer", optimizer) for optimizer in optimizers]
    kinds = [(each, type(each)) for each in inner if isinstance(each, ReplicaOptimizer)]
    try:
        for each, kind in kinds:
            object.__setattr__(each, "__class__", kind.__bases__[1])
        yield
    finally:
        for each, kind in kinds:
            object.__setattr__(each, "__class__", kind)


def apply_gradients(
    tape: tf.GradientTape,
    scaled_loss: tf.Tensor,
    optimizer: keras.optimizers.Optimizer,
    networks: Sequence[keras.Model],
) -> tf.Tensor:
    """One optimizer step on networks, the same on every replica.

    Returns:
        The norm of the global, unscaled gradient.
    """
    variables = [variable for network in networks for variable in network.trainable_variables]
    # `.value`: run eagerly, "zero" does not understand a Keras variable.
    sources = [variable.value for variable in variables]
    gradients = tape.gradient(scaled_loss, sources, unconnected_gradients="zero")
    # Of the global batch, before the optimizer sees them: its clipping, the verdict of its loss
    # scaling and the norm in the logs are then those of the global gradient.
    gradients = sum_over_replicas(gradients)
    # Before the update, which may change the loss scale these gradients carry.
    norm = tf.linalg.global_norm(gradients) / optimizer.scale_loss(1.0)
    # Where a gradient does not need the scores (a loss linear in them), the graph's optimiser
    # was seen to let the update overtake the forward pass that still reads the weights.
    with tf.control_dependencies([scaled_loss]):
        optimizer.apply(gradients, variables)
    return norm
