"""The states of an objective and of its terms, augmentations and weightings."""

import keras
import tensorflow as tf

from ganapp.models.batches import pack_examples, unpack_examples
from ganapp.models.contracts import Assignments, Member, Objective, Scores, State
from ganapp.models.noise import Draws
from ganapp.models.replicas import global_mean

ADVERSARIAL = "adversarial"  # the objective's own part of the generator's loss
KEPT = 0.99  # of a running mean at each update


def assign(assignments: Assignments) -> None:
    for variable, value in assignments:
        variable.assign(value)


class Extensions(keras.layers.Layer):
    """The states of an objective and of what extends it, so that checkpoints hold them."""

    def __init__(
        self,
        objective: Objective,
        generator: keras.Model,
        discriminator: keras.Model,
        packing: int = 1,
    ) -> None:
        super().__init__(name="extensions", dtype="float32")
        self.augmentations, self.packing = tuple(objective.augmentations), packing
        self.objective_state = {
            name: self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=False,
            )
            for name, value in objective.initial_state().items()
        }
        parts = [ADVERSARIAL, *(t.name for t in objective.terms if "generator" in t.players)]
        if objective.normalised and len(set(parts)) < len(parts):
            raise ValueError(
                "Of the terms of a `normalised` loss each may be there once. "
                f"Received: {', '.join(parts[1:])}"
            )
        self.means = {
            name: self.add_weight(  # a running sum, and that of its weights
                name=f"mean_{name}", shape=(2,), initializer="zeros", trainable=False
            )
            for name in (parts if objective.normalised else ())
        }
        states = {}
        for member in objective.extensions:
            state = member.make_state(generator, discriminator)
            if state is None:
                continue
            if member.name in states:
                raise ValueError(
                    "Of the members of an objective that have a state each may be there once. "
                    f"Received: {member.name!r} twice"
                )
            states[member.name] = state
        self.states = states  # tracked by Keras
        self.built = True

    def state(self, member: Member) -> State:
        return self.states.get(member.name)

    def augment(self, packs: tf.Tensor, draw: Draws, step: tf.Tensor) -> tf.Tensor:
        """Augments packs `(batch, *packed_shape)`, with draws for each of their examples."""
        if not self.augmentations:
            return packs
        examples = unpack_examples(packs, self.packing)
        for member in self.augmentations:
            examples = member.augment(examples, draw, step, self.state(member))
        return pack_examples(examples, self.packing)

    def relative(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """A part of the generator's loss divided by the running mean of its size.

        The mean is over the updates up to this one, each counting 0.99 of the next, of the global
        batch: it is 1 at the first update and about 1 ever after. A part that nobody asked to
        normalise stays as it is.

        Args:
            name: of a term, or `ADVERSARIAL`.
            value: of this replica's rows: scalar.
        """
        if name not in self.means:
            return value
        mean = self.means[name]
        size = tf.abs(tf.stop_gradient(global_mean(value)))
        moved = KEPT * mean.value + (1.0 - KEPT) * tf.stack([size, tf.ones_like(size)])
        # What overflows in float16 is no size; such an update is skipped.
        mean.assign(tf.where(tf.math.is_finite(size), moved, mean.value))
        return tf.math.divide_no_nan(value, self._running_mean(name))

    def _running_mean(self, name: str) -> tf.Tensor:
        total, weight = tf.unstack(self.means[name].value)
        return tf.math.divide_no_nan(total, weight)

    def after_discriminator_update(
        self, objective: Objective, scores: Scores, discriminator: keras.Model
    ) -> None:
        """Brings the states up to date, those of the objective too."""
        for name, value in objective.next_state(*scores).items():
            self.objective_state[name].assign(value)
        if self.packing > 1:  # members count examples, each of which has its pack's score
            scores = tuple(tf.repeat(score, self.packing, axis=0) for score in scores)
        for member in objective.extensions:
            state = self.state(member)
            assign(member.after_discriminator_update(*scores, discriminator, state))

    def after_generator_update(self, objective: Objective, generator: keras.Model) -> None:
        """Brings the states up to date."""
        for member in objective.extensions:
            assign(member.after_generator_update(generator, self.state(member)))

    def logs(self, objective: Objective, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scalars `<member>/<name>`, and `running_mean/<part>` of a normalised loss."""
        return {
            f"{member.name}/{name}": value
            for member in objective.extensions
            for name, value in member.logs(step, self.state(member)).items()
        } | {f"running_mean/{name}": self._running_mean(name) for name in self.means}
