"""Latents, samples, scores and the state of a GAN, outside of its update."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.batches import one_hot_labels, pack_examples, packed_shape
from ganapp.models.companions import ENCODER
from ganapp.models.contracts import Array, Prior
from ganapp.models.noise import Stream, stateless_seed
from ganapp.models.tensors import (
    EXAMPLE,
    LABEL,
    LATENT,
    SCORES,
    Tensors,
    apply,
    check_there,
    input_names,
)

BATCH = 256  # bounds the memory of `generate` and `scores`, whatever is asked for


class Inference(keras.Model):
    """Generation and scoring for callbacks, evaluation and people."""

    @property
    def latent_sizes(self) -> dict[str, int]:
        """Dimension of each latent of the prior by name: `z`, and further parts."""
        return getattr(self.prior, "sizes", None) or {LATENT: self.prior.size}

    @property
    def generator_conditions(self) -> tuple[str, ...]:
        """The observations that the generator takes."""
        return tuple(n for n in input_names(self.generator, LATENT) if n in self.conditions)

    @property
    def judged_latents(self) -> tuple[str, ...]:
        """The latents that the discriminator judges beside examples; an encoder says the real."""
        return tuple(n for n in input_names(self.discriminator, EXAMPLE) if n in self.latent_sizes)

    def draw_latents(self, count: int | tf.Tensor, seed: tf.Tensor) -> Tensors:
        """Latents of the prior by name, float32 `(count, size)`, a function of the seed."""
        if hasattr(self.prior, "draw"):
            return self.prior.draw(count, seed)
        return {LATENT: self.prior.sample(count, seed)}

    def draw_labels(self, count: int | tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Classes by their shares, one-hot float32 `(count, classes)`, a function of the seed."""
        seed = tf.random.fold_in(tf.cast(seed, tf.int64), tf.constant(1, tf.int64))
        logits = tf.math.log(tf.constant([self.class_shares], tf.float32))
        drawn = tf.random.stateless_categorical(logits, count, seed, tf.int32)[0]
        return tf.one_hot(drawn, self.classes)

    def inputs(self, count: int | None = None, *, seed: int = 0, **named: Array) -> Tensors:
        """All that the generator takes, by name: what is not given is drawn.

        Args:
            count: how many rows; needed where none are given.
            seed: of what is drawn.
            **named: rows of inputs of the generator: `z` float32 `(n, prior.size)`; `label` int
                `(n,)`, below 0 for a drawn class, or one-hot `(n, classes)`; observations. One
                without the axis of rows, such as `label=3`, is that of all rows.
        """
        given = {name: value for name, value in named.items() if value is not None}
        given = self._with_rows(given, count)
        self._check_given(given, count)
        count = len(next(iter(given.values()))) if given else count
        root = stateless_seed(seed, Stream.SAMPLE, 0)
        found = self.draw_latents(count, root)
        if not given.keys() & set(self.generator_conditions):  # all of them or none: they match
            kept = self.observation_rows(count)
            found |= {name: _floats(kept[name]) for name in self.generator_conditions}
        if self.classes:
            labels = given.pop(LABEL, None)
            labels = None if labels is None else one_hot_labels(labels, self.classes)
            found[LABEL] = requested_labels(labels, self.draw_labels(count, root))
        return found | {name: _floats(value) for name, value in given.items()}

    def requested_labels(self, count: int, *, seed: int = 0) -> np.ndarray | None:
        """The classes of `generate(count, seed=seed)`, int `(count,)`; `None` without classes."""
        if not self.classes:
            return None
        root = stateless_seed(seed, Stream.SAMPLE, 0)
        return np.argmax(self.draw_labels(count, root), axis=1)

    @property
    def observations(self) -> dict[str, np.ndarray]:
        """The observations that take the place of those left out, see `set_observations`."""
        return self.__dict__.get("_observations", {})

    def set_observations(self, **named: np.ndarray) -> None:
        """Observations that `inputs` and `generate` use, row by row and again, if none are given.

        Callbacks draw samples without knowing what they are made for: of held-out rows, then.

        Args:
            **named: rows of every observation that the networks take, `(n, ...)`.
        """
        check_there(self.generator.name, self.conditions, named)
        rows = {name: len(value) for name, value in named.items()}
        if len(set(rows.values())) > 1 or 0 in rows.values():
            raise ValueError(
                f"Observations must have as many rows, and at least one. Received: rows {rows}"
            )
        self.__dict__["_observations"] = {k: np.asarray(v) for k, v in named.items()}

    def observation_rows(self, count: int) -> dict[str, np.ndarray]:
        """The observations of `generate(count)` that the networks take, by name."""
        return {
            name: np.asarray(rows)[np.arange(count) % len(rows)]
            for name, rows in self.observations.items()
        }

    def truncate(self, inputs: Tensors, amount: float) -> Tensors:
        """Inputs whose latents are moved towards the likeliest, see `Prior.truncate`."""
        moved = {name: part.truncate(inputs[name], amount) for name, part in self._priors.items()}
        return inputs | moved

    def interpolate(self, start: Tensors, end: Tensors, fraction: float | Array) -> Tensors:
        """Inputs at `fraction` (0 to 1) of the way between two others.

        Latents go the prior's way, classes straight; observations are those of the start.
        """
        found = start | {
            name: part.interpolate(start[name], end[name], fraction)
            for name, part in self._priors.items()
        }
        if LABEL in start:
            found[LABEL] = start[LABEL] + fraction * (end[LABEL] - start[LABEL])
        return found

    @property
    def _priors(self) -> dict[str, Prior]:
        return getattr(self.prior, "parts", None) or {LATENT: self.prior}

    def generate(
        self,
        count: int | None = None,
        *,
        latents: tf.Tensor | np.ndarray | None = None,
        seed: int = 0,
        ema: bool = True,
        units: Callable[[tf.Tensor], Array] | None = None,
        **named: Array,
    ) -> np.ndarray:
        """Draws samples; the same weights and arguments give the same samples.

        Args:
            count: how many samples, where no rows are given.
            latents: float32 `(n, prior.size)` to map instead of drawn ones; the same as `z`.
            seed: of what is drawn.
            ema: use the averaged generator rather than the one being trained.
            units: maps samples to other units, batch by batch, such as uint8 pixels.
            **named: further inputs of the generator, a row each or one for all (`label=3`), see
                `inputs`; observations must be given, all of them, unless `set_observations` has
                some.

        Returns:
            float32 `(n, *shape)` in model units, images in [-1, 1], vectors standardised; or what
            `units` makes of them.
        """
        if (count is None) == (latents is None) and not named:
            raise ValueError(
                "`generate` takes either `count` or `latents`. "
                f"Received: count={count}, latents={'given' if latents is not None else None}"
            )
        if latents is not None:
            named[LATENT] = latents
        network = self.ema_generator if ema else self.generator
        return self._in_batches(network, self.inputs(count, seed=seed, **named), units=units)

    def scores(
        self, examples: tf.Tensor | np.ndarray, labels: np.ndarray | None = None, **named: Array
    ) -> np.ndarray:
        """Raw discriminator scores in inference mode: `(n,)`, patch scores averaged.

        With packing there is one score a pack, and examples that fill none are left out.

        Args:
            examples: in model units.
            labels: int `(n,)`, for a discriminator that goes by them; below 0 (and `None`) where
                the class is not known.
            **named: observations that the discriminator takes, `(n, ...)`, and latents, which are
                the encoder's where they are left out.
        """
        whole = len(examples) // self.packing * self.packing
        given = {EXAMPLE: pack_examples(tf.cast(examples[:whole], tf.float32), self.packing)}
        given |= {name: _floats(value) for name, value in named.items()}
        names = input_names(self.discriminator, EXAMPLE)
        if LABEL in names:
            labels = -tf.ones(whole, tf.int32) if labels is None else labels
            given[LABEL] = one_hot_labels(labels, self.classes)
        if set(self.judged_latents) - given.keys():
            given = self.call_companion(ENCODER, ema=False, **given) | given
        check_there(self.discriminator.name, names, given)
        scores = self._in_batches(self.discriminator, given)
        return scores.reshape(len(scores), -1).mean(axis=1)

    def call_companion(
        self, name: str, *, ema: bool = True, **named: Array
    ) -> dict[str, np.ndarray]:
        """Outputs of a companion by name, float32 `(n, ...)`, in inference mode.

        Args:
            name: of the companion, e.g. `"encoder"`.
            ema: use its average where there is one.
            **named: at least the inputs that it takes, `(n, ...)`.
        """
        if name not in self.companions:
            known = ", ".join(map(repr, self.companions)) or "none"
            raise ValueError(f"The GAN's companions are: {known}. Received: {name!r}")
        each = self.companions[name]
        network = (self.ema_companions if ema else {}).get(name, each.network)
        return apply_in_batches(network, named, takes=each.takes, gives=each.gives)

    @property
    def averaged_parts(self) -> tuple[str, ...]:
        """The parts of `state` that samples, and latents of examples, are made with."""
        trained = [n for n, each in self.companions.items() if each.trained_with == "generator"]
        averages = (f"ema_{name}" if name in self.ema_companions else name for name in trained)
        return "ema_generator", *averages

    def state(self) -> dict[str, list[tf.Variable]]:
        """Every variable that training changes, by part: what a checkpoint must hold."""
        names = ("generator", "discriminator", "ema_generator")
        names += ("generator_optimizer", "discriminator_optimizer")
        owners = {name: getattr(self, name) for name in names}
        averages = {f"ema_{name}": each for name, each in self.ema_companions.items()}
        parts = {
            name: [v.value for v in owner.variables]
            for name, owner in (owners | self.companion_networks | averages).items()
        }
        parts["counters"] = [self.step.value]
        known = {id(v) for variables in parts.values() for v in variables}
        transient = id(self.test_batch.value)
        others = [v.value for v in self.variables if id(v.value) not in known | {transient}]
        return parts | ({"terms": others} if others else {})  # of a subclass with weights

    def _with_rows(self, given: dict[str, Array], count: int | None) -> dict[str, Array]:
        """Inputs with a row for each example."""
        shapes = {name: (size,) for name, size in self.latent_sizes.items()} | self.conditions
        shapes |= {LABEL: ()} if self.classes else {}
        ranks = {name: len(shape) for name, shape in shapes.items() if shape is not None}
        alone = [name for name, value in given.items() if np.ndim(value) == ranks.get(name)]
        others = [len(x) for name, x in given.items() if name not in alone and np.ndim(x)]
        if count is None and alone and not others:
            raise ValueError(
                f"One value of {' and '.join(map(repr, alone))} is that of all rows: say how many "
                "there are by `count`, or give a value a row. Received: count=None"
            )
        count = others[0] if count is None and others else count
        return given | {
            name: np.broadcast_to(given[name], (count, *np.shape(given[name]))) for name in alone
        }

    def _check_given(self, given: dict[str, Array], count: int | None) -> None:
        sizes = self.latent_sizes
        known = {*sizes, *self.generator_conditions, *((LABEL,) if self.classes else ())}
        if unknown := sorted(given.keys() - known):
            raise ValueError(
                f"The generator takes {', '.join(map(repr, sorted(known)))}. "
                f"Received: {', '.join(map(repr, unknown))}"
            )
        if not self.observations or given.keys() & set(self.generator_conditions):
            check_there(self.generator.name, self.generator_conditions, given)
        shapes = {name: (size,) for name, size in sizes.items()} | self.conditions
        for name, shape in shapes.items():
            found = np.shape(given[name])[1:] if name in given else None
            if found is not None and not tf.TensorShape(shape).is_compatible_with(found):
                raise ValueError(
                    f"Rows of {name!r} must have the shape {shape}. Received: shape {found}"
                )
        rows = {name: len(value) for name, value in given.items()}
        if len({*rows.values(), *([count] if count is not None else [])}) != 1:
            raise ValueError(
                "All inputs must have as many rows, and `count` be that number. Received: "
                f"count={count}, rows {rows}"
            )

    def _in_batches(
        self,
        network: keras.Model,
        given: Tensors,
        units: Callable[[tf.Tensor], Array] | None = None,
    ) -> np.ndarray:
        forward, names = self._forward_function(network)
        given = {name: given[name] for name in names}
        count, whole = len(given[names[0]]), None
        if not count:
            raise ValueError("There must be at least one row to compute. Received: none")
        for start in range(0, count, BATCH):
            part = forward({name: each[start : start + BATCH] for name, each in given.items()})
            part = np.asarray(part if units is None else units(part))
            if whole is None:  # filled in place: parts and their concatenation would be twice that
                whole = np.empty((count, *part.shape[1:]), part.dtype)
            whole[start : start + len(part)] = part
        return whole

    def _forward_function(self, network: keras.Model) -> tuple[Callable, tuple[str, ...]]:
        # Compiled once per network, for any number of rows: callbacks call it again and again.
        functions = self.__dict__.setdefault("_forward_functions", {})
        if id(network) not in functions:
            scores = network is self.discriminator
            takes, gives = (EXAMPLE, SCORES) if scores else (LATENT, EXAMPLE)
            names = input_names(network, takes)
            shapes = {
                EXAMPLE: packed_shape(self.example_shape, self.packing),
                LABEL: (self.classes,),
                **{name: (size,) for name, size in self.latent_sizes.items()},
                **self.conditions,
            }
            signature = {
                name: tf.TensorSpec(
                    None if shapes[name] is None else (None, *shapes[name]), tf.float32
                )
                for name in names
            }
            function = tf.function(
                lambda given: apply(network, given, takes=takes, gives=gives)[gives],
                input_signature=[signature],
                autograph=False,
            )
            functions[id(network)] = function, names
        return functions[id(network)]


def requested_labels(labels: tf.Tensor | None, drawn: tf.Tensor) -> tf.Tensor:
    """The classes that examples are asked to be of, one-hot `(n, classes)`.

    Those of `labels`; for rows of zeros, and all where that is `None`, those of `drawn`.
    """
    if labels is None:
        return drawn
    known = tf.reduce_any(labels != 0, axis=-1, keepdims=True)
    return tf.where(known, tf.cast(labels, drawn.dtype), drawn)


def _floats(values: Array) -> tf.Tensor:
    return tf.cast(values, tf.float32)


def apply_in_batches(
    network: keras.Model, named: Mapping[str, Array], *, takes: str, gives: str
) -> dict[str, np.ndarray]:
    """Outputs of a network by name, float32 `(n, ...)`, a bounded number of rows at a time.

    Raises:
        ValueError: there are no rows.
    """
    given = {key: _floats(value) for key, value in named.items()}
    count = len(next(iter(given.values())))
    if not count:
        raise ValueError("There must be at least one row to compute. Received: none")
    parts = [
        apply(
            network,
            {key: value[start : start + BATCH] for key, value in given.items()},
            takes=takes,
            gives=gives,
        )
        for start in range(0, count, BATCH)
    ]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
