"""The discriminator as the terms of one loss see it."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager

import keras
import tensorflow as tf

from ganapp.models.tensors import EXAMPLE, LABEL, SCORES, Tensors, all_layers


@dataclasses.dataclass
class _Augmented:
    """Examples, what the discriminator sees of them, and the tape of all that became of them."""

    examples: tf.Tensor  # kept so that no other tensor takes over their id
    seen: tf.Tensor
    tape: tf.GradientTape


@dataclasses.dataclass(eq=False)
class Critic:
    """Gives all outputs of the discriminator, and the gradient of its scores by the examples.

    Each distinct `x` is augmented and goes forward once (where the discriminator takes a latent,
    too, once for each combination): a penalty at the very tensor that the loss has scored reuses
    that pass, and features are those of what was scored. One `Critic` lives for one loss.

    Args:
        discriminate: maps `x`, augmented, and what belongs to it to all outputs by name.
        networks: the two players by name, for terms on weights.
        companions: further networks by name, as functions of named tensors.
        augment: maps examples to what the discriminator sees of them.
        rows: the minibatch, from which is taken what tensors leave out: observations, and the
            label, one-hot `(batch, classes)`, zeros where it is not known.
        requested: the label of generated examples. The discriminator is told the row's instead:
            else it would know generated examples by their classes, which are always known.
        takes: names of the discriminator's inputs.
        latents: those of them that are judged beside the example, as its part of the pair.
    """

    discriminate: Callable[[Tensors], Tensors]
    networks: Mapping[str, keras.Model] = dataclasses.field(default_factory=dict)
    companions: Mapping[str, Callable[[Tensors], Tensors]] = dataclasses.field(default_factory=dict)
    augment: Callable[[tf.Tensor], tf.Tensor] = lambda examples: examples
    rows: Tensors = dataclasses.field(default_factory=dict)
    requested: tf.Tensor | None = None
    takes: Sequence[str] = (EXAMPLE,)
    latents: Sequence[str] = ()
    _augmented: dict[int, _Augmented] = dataclasses.field(default_factory=dict, init=False)
    _outputs: dict[tuple, tuple] = dataclasses.field(default_factory=dict, init=False)

    def __call__(self, tensors: Tensors) -> Tensors:
        """All outputs of the discriminator for the examples `x`, float32, by name."""
        examples = self._seen(tensors[EXAMPLE])
        given = self._complete(tensors)
        key = tuple(id(given.get(name)) for name in self.takes)
        if key not in self._outputs:
            with examples.tape:
                outputs = self.discriminate(given | {EXAMPLE: examples.seen})
            self._outputs[key] = given, outputs  # inputs are kept, so that their ids stay theirs
        return self._outputs[key][1]

    def scores(self, tensors: Tensors) -> tf.Tensor:
        return self(tensors)[SCORES]

    def gradient(self, tensors: Tensors) -> tf.Tensor:
        """Gradient of each example's score by that example before augmentation, `(batch, *shape)`.

        Correct only where one example's score does not depend on another's: a discriminator with
        batch normalisation has no such gradient.
        """
        scores = self.scores(tensors)
        return self._seen(tensors[EXAMPLE]).tape.gradient(scores, tensors[EXAMPLE])

    def fresh(self) -> "Critic":
        return dataclasses.replace(self)

    def within(self, context: Callable[[], AbstractContextManager]) -> "Critic":
        """The same without the passes so far; further passes each run within a new context."""

        def discriminate(tensors: Tensors) -> Tensors:
            with context():
                return self.discriminate(tensors)

        return dataclasses.replace(self, discriminate=discriminate)

    def _seen(self, examples: tf.Tensor) -> _Augmented:
        if id(examples) not in self._augmented:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(examples)
                seen = self.augment(examples)
            self._augmented[id(examples)] = _Augmented(examples, seen, tape)
        return self._augmented[id(examples)]

    def _complete(self, tensors: Tensors) -> Tensors:
        given = self.rows | tensors
        if LABEL in self.rows and given[LABEL] is self.requested:
            given[LABEL] = self.rows[LABEL]
        return given


def computes_in(network: keras.Model, dtype: str) -> bool:
    """Whether every layer computes in `dtype`; the model's own policy says nothing about them."""
    return all(layer.compute_dtype == dtype for layer in all_layers(network))


@contextlib.contextmanager
def float32_compute(network: keras.Model) -> Iterator[None]:
    """Runs every layer of `network` in float32 while the context is open.

    Second-order gradients overflow in float16.
    """
    layers = [layer for layer in all_layers(network) if layer.compute_dtype != "float32"]
    policies = [layer.dtype_policy for layer in layers]
    try:
        for layer in layers:
            layer.dtype_policy = keras.DTypePolicy("float32")
        yield
    finally:
        for layer, policy in zip(layers, policies, strict=True):
            layer.dtype_policy = policy
