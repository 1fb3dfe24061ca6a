"""The model that owns the update of a generator and a discriminator."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from ganapp.models.batches import as_tensors, minibatches, pack_examples
from ganapp.models.checks import (
    check_compilation,
    check_encoder,
    check_networks,
    check_recompilation,
    check_shares,
    check_trainable,
    combination_of,
    resolve_objective,
)
from ganapp.models.companions import (
    ENCODER,
    Companion,
    CompanionFunctions,
    Player,
    check_companions,
)
from ganapp.models.contracts import Element, Objective, Optimizer, Prior, Term
from ganapp.models.critic import Critic, computes_in, float32_compute
from ganapp.models.ema import copy_network, decay_at, update_average
from ganapp.models.extensions import ADVERSARIAL, Extensions, assign
from ganapp.models.inference import Inference, requested_labels
from ganapp.models.keras_methods import KerasMethods
from ganapp.models.noise import Draws, Stream, replica_slice, stateless_seed
from ganapp.models.optimizers import apply_gradients, both_optimizers, prepare_optimizer
from ganapp.models.replicas import replica_count
from ganapp.models.rules import CombinationWarning, advice, refuse
from ganapp.models.tensors import (
    EXAMPLE,
    LABEL,
    SCORES,
    Tensors,
    apply,
    input_names,
    with_outputs,
)

# Terms of one update that draw numbers; the last place is that of the weightings.
PLACES = 2**5


@keras.saving.register_keras_serializable("ganapp")
class GAN(Inference, KerasMethods):
    """A generator and a discriminator trained against each other through `fit`.

    One step is `objective.discriminator_steps` discriminator updates, each on a fresh real
    minibatch and fresh noise, then one generator update on fresh noise. The dataset therefore
    yields `discriminator_steps * batch_size` different examples an element.

    The model never asks which objective, network or prior it was given. What networks take goes by
    name (see `ganapp.models.tensors`): the latent is `z`, the example `x`, the class `label`.
    Whatever else one of them takes is an observation, and the dataset yields dicts with it: the
    generated example of a row is made for that row's observations, and judged beside them.

    Args:
        generator: maps latents `(batch, prior.size)` to examples `(batch, *shape)`; of several
            inputs it names each.
        discriminator: maps examples to raw scores, `(batch, 1)` or patch scores; likewise.
        prior: has `size` and `sample(count, seed) -> (count, size)`; one of several named parts
            has `sizes` by name and `draw(count, seed)`.
        class_shares: of the classes that are drawn for a generator which takes `label`: where a
            row's is not known, and in `generate`; all alike by default.
        companions: further networks by name, which terms call (`critic.companions[name]`). If the
            discriminator takes latents (`z`) beside `x`, the companion `encoder` says them of real
            examples, and is trained with the generator to say what the discriminator cannot tell
            from (G(z), z): a BiGAN (Donahue et al., 2017, arXiv:1605.09782; Dumoulin et al., 2017,
            arXiv:1606.00704).
        seed: of all noise; the same seed, data and weights give the same update.
        ema_half_life: half-life of the averaged generator in images, `None` for no average.
        ema_warm_up: the half-life grows with this fraction of the images seen; 0 for no warm-up.
        packing: examples that the discriminator judges together (Lin et al., 2018); it takes them
            side by side along their last axis.

    Raises:
        ValueError: the networks share variables or do not fit each other.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        prior: Prior,
        *,
        seed: int = 0,
        ema_half_life: float | None = 10_000.0,
        ema_warm_up: float = 0.05,
        packing: int = 1,
        class_shares: Sequence[float] | None = None,
        companions: Mapping[str, Companion] | None = None,
        name: str = "gan",
    ) -> None:
        super().__init__(name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.prior = prior
        self.seed = seed
        self.ema_half_life = ema_half_life
        self.ema_warm_up = ema_warm_up
        self.packing = packing
        self.step, self.test_batch = (
            self.add_weight(name=n, shape=(), dtype="int64", initializer="zeros", trainable=False)
            for n in ("step", "test_batch")
        )
        self.example_shape, self.classes, self.conditions = check_networks(
            generator, discriminator, prior, packing, encoded=ENCODER in (companions or {})
        )
        self.class_shares = check_shares(class_shares, self.classes)
        self.ema_generator = copy_network(generator) if ema_half_life else generator
        self._add_companions(dict(companions or {}))
        self._range_is_checked = self._first_batch_is_due = False
        self.built = True

    def compile(
        self,
        generator_optimizer: Optimizer = None,
        discriminator_optimizer: Optimizer = None,
        *,
        objective: Objective | str,
        jit_compile: bool = False,
        steps_per_execution: int = 1,
        run_eagerly: bool = False,
    ) -> None:
        """Chooses what is optimised and how.

        Args:
            generator_optimizer: a Keras optimizer or its name. If only one of the two is given,
                the other is a copy of it; the objective's paper's defaults if none is.
            discriminator_optimizer: likewise, another instance.
            objective: losses, terms, augmentations, weightings and constraint, see
                `ganapp.training.objectives`, or the name of one. A constraint may replace the
                network: the one that is trained is `gan.discriminator`.
            jit_compile: compile the step with XLA; on one device only. XLA draws other noise
                from the same seed, so such a run is resumed with XLA or not at all.
            steps_per_execution: training steps in one call of the compiled function.
            run_eagerly: run the step without compiling it, to debug.

        Raises:
            ValueError: theory forbids the combination (`ganapp.models.rules`), a network has
                nothing to train, or the settings exclude each other.
        """
        replicas = self.distribute_strategy.num_replicas_in_sync
        check_compilation(replicas, jit_compile, generator_optimizer, discriminator_optimizer)
        objective = resolve_objective(objective)
        self._check_combination(objective)
        generator_optimizer, discriminator_optimizer = both_optimizers(
            generator_optimizer, discriminator_optimizer, objective
        )
        with self.distribute_strategy.scope():
            check_recompilation(getattr(self, "objective", None), objective)
            given = self.discriminator
            self.discriminator = objective.constraint.prepare(given)
            if self.discriminator is not given:  # else Keras lists both as layers for ever
                self._tracker.untrack(given)
            if hasattr(self, "extensions"):
                self._tracker.untrack(self.extensions)
            players = self.generator, self.discriminator
            self.extensions = Extensions(objective, *players, self.packing)
            self.objective = objective.with_state(self.extensions.objective_state)
            self._compile_options = {
                "jit_compile": jit_compile,
                "steps_per_execution": steps_per_execution,
                "run_eagerly": run_eagerly,
            }
            # Not an attribute: Keras would list its layers a second time.
            read = {name for term in objective.terms for name in term.reads}
            self.__dict__["_with_outputs"] = with_outputs(self.discriminator, sorted(read))
            self.generator_optimizer = prepare_optimizer(
                generator_optimizer, self.team("generator")
            )
            self.discriminator_optimizer = prepare_optimizer(
                discriminator_optimizer, self.team("discriminator")
            )
            # Keras's own callbacks look at `model.optimizer` only; without one, compile adds a
            # stray RMSprop. auto_scale_loss would wrap this one and not the other.
            super().compile(
                optimizer=self.generator_optimizer,
                jit_compile=jit_compile,
                steps_per_execution=steps_per_execution,
                run_eagerly=run_eagerly,
                auto_scale_loss=False,
            )

    def _add_companions(self, companions: dict[str, Companion]) -> None:
        players = {"generator": self.generator, "discriminator": self.discriminator}
        check_companions(companions, players)
        self.companions = companions
        judged = {name: self.latent_sizes[name] for name in self.judged_latents}
        if judged:
            check_encoder(
                companions[ENCODER], judged, self.example_shape, self.classes, self.conditions
            )
        # Dicts of networks, so that Keras tracks them.
        self.companion_networks = {name: each.network for name, each in companions.items()}
        self.ema_companions = {
            name: copy_network(each.network)
            for name, each in companions.items()
            if self.ema_half_life and each.trained_with == "generator"
        }

    def team(self, player: Player) -> list[keras.Model]:
        """The networks that a player's optimizer trains: its own, then companions."""
        with_it = [x.network for x in self.companions.values() if x.trained_with == player]
        return [getattr(self, player), *with_it]

    def _check_combination(self, objective: Objective) -> None:
        players = self.generator, self.discriminator
        for network in (*self.team("generator"), *self.team("discriminator")):
            check_trainable(network)
        combination = combination_of(
            *players, objective, self.classes, self.example_shape, self.packing
        )
        observed = bool(self.generator_conditions)
        judged = ", ".join(map(repr, self.judged_latents))
        combination = dataclasses.replace(combination, observed=observed, judged_latents=judged)
        refuse(combination)
        for member in objective.extensions:
            member.check_shape(self.example_shape)
        for sentence in advice(combination):
            warnings.warn(sentence, CombinationWarning, stacklevel=3)

    # Hooks for subclasses ---------------------------------------------------------------------

    def unpack(self, data: Element) -> Tensors:
        """The named tensors in one element of the dataset, `(k * batch, ...)` each."""
        return as_tensors(data, classes=self.classes, conditions=tuple(self.conditions))

    def score(self, tensors: Tensors, *, training: bool = True) -> tf.Tensor:
        """Raw float32 scores of the examples `x`, beside whatever else the discriminator takes."""
        return self.discriminate(tensors, training=training)[SCORES]

    def discriminate(self, tensors: Tensors, *, training: bool = True) -> Tensors:
        """All outputs of the discriminator by name; a label that is left out counts as unknown."""
        if self.classes and LABEL not in tensors:
            rows = tf.shape(tensors[EXAMPLE])[0]
            tensors = tensors | {LABEL: tf.zeros((rows, self.classes))}
        return apply(
            self._full_discriminator, tensors, takes=EXAMPLE, gives=SCORES, training=training
        )

    @property
    def _full_discriminator(self) -> keras.Model:
        return self.__dict__.get("_with_outputs", self.discriminator)

    def extra_discriminator_terms(self, critic: Critic, real: Tensors, fake: Tensors) -> dict:
        """Further scalar terms of the discriminator's loss by name."""
        return {}

    def extra_generator_terms(self, critic: Critic, real: Tensors, fake: Tensors) -> dict:
        """Further scalar terms of the generator's loss by name."""
        return {}

    # The update -------------------------------------------------------------------------------

    def train_step(self, data: Element) -> dict[str, tf.Tensor]:
        """One step: k discriminator updates, then one generator update. Returns scalar logs."""
        reals = minibatches(self.unpack(data), self.objective.discriminator_steps)
        for index, real in enumerate(reals):
            real_scores, logs = self._update_discriminator(real, index)
        logs |= self._update_generator(reals[-1], real_scores)
        logs |= self.extensions.logs(self.objective, self.step.value)
        if self.ema_half_life:
            self._update_averages(tf.shape(reals[-1][EXAMPLE])[0] * replica_count())
        self.step.assign_add(1)
        return logs

    def _update_discriminator(self, given: Tensors, index: int) -> tuple:
        constraint, optimizer = self.objective.constraint, self.discriminator_optimizer
        latents = self._noise(given, Stream.DISCRIMINATOR, index)
        real = self._pack(given) | _constants(self._encode(given))
        fake = self._pack(latents | _constants(self._generate(latents)))
        assign(constraint.before_update(self.discriminator))
        with tf.GradientTape() as tape:
            critic = self._critic(real, latents, Stream.DISCRIMINATOR_AUGMENTATION, index)
            loss, terms, weights = self._discriminator_loss(critic, real, fake, index)
            # Gradients are summed over the replicas: this is the replica's share of the mean.
            share = (loss + sum(terms.values())) / replica_count()
            scaled = optimizer.scale_loss(share)
        norm = apply_gradients(tape, scaled, optimizer, self.team("discriminator"))
        assign(constraint.after_update(self.discriminator))
        scores = critic.scores(real), critic.scores(fake)
        self.extensions.after_discriminator_update(self.objective, scores, self.discriminator)
        logs = {"discriminator_loss": loss, "discriminator_gradient_norm": norm}
        logs |= {f"penalty/{name}": term for name, term in terms.items()}
        logs |= {f"penalty_weight/{name}": weight for name, weight in weights.items()}
        logs["discriminator_learning_rate"] = optimizer.learning_rate
        logs |= self.objective.measures(*scores) | score_statistics(*scores)
        return tf.stop_gradient(scores[0]), logs

    def _update_generator(self, given: Tensors, real_scores: tf.Tensor) -> dict:
        optimizer = self.generator_optimizer
        latents = self._noise(given, Stream.GENERATOR)
        with tf.GradientTape() as tape:
            real = self._pack(given) | self._encode(given)
            critic = self._critic(real, latents, Stream.GENERATOR_AUGMENTATION)
            if self.judged_latents:
                real_scores = critic.scores(real)  # teaches the encoder
            elif self.objective.relativistic:
                # Only here do the real scores shape the generator's gradient; elsewhere those of
                # the last discriminator update serve, which costs nothing.
                real_scores = tf.stop_gradient(critic.scores(real))
            fake = self._pack(latents | self._generate(latents))
            loss, terms = self._generator_loss(critic, real, fake, real_scores)
            own = self.extensions.relative(ADVERSARIAL, loss)
            own = self.objective.adversarial_weight * own
            share = (own + sum(terms.values())) / replica_count()
            scaled = optimizer.scale_loss(share)
        norm = apply_gradients(tape, scaled, optimizer, self.team("generator"))
        self.extensions.after_generator_update(self.objective, self.generator)
        logs = {f"generator_term/{name}": term for name, term in terms.items()}
        logs |= {"generator_loss": loss, "generator_gradient_norm": norm}
        return logs | {"generator_learning_rate": optimizer.learning_rate}

    def _update_averages(self, batch_size: tf.Tensor) -> None:
        decay = decay_at(self.step.value, batch_size, self.ema_half_life, self.ema_warm_up)
        update_average(self.ema_generator, self.generator, decay)
        for name, average in self.ema_companions.items():
            update_average(average, self.companion_networks[name], decay)

    def test_step(self, data: Element) -> dict[str, tf.Tensor]:
        """Losses and score statistics on held-out examples; nothing is updated."""
        real = self.unpack(data)
        latents = self._noise(real, Stream.TEST, self.test_batch.value)
        self.test_batch.assign_add(1)
        fake = real | {name: latents[name] for name in self.judged_latents}
        fake |= {EXAMPLE: self._generate(latents, training=False)[EXAMPLE]}
        real |= self._encode(real, training=False)
        scores = [self.score(self._pack(each), training=False) for each in (real, fake)]
        losses = {
            "discriminator_loss": self.objective.discriminator_loss(*scores),
            "generator_loss": self.objective.generator_loss(*scores),
        }
        means = {name: tf.reduce_mean(loss) for name, loss in losses.items()}
        means["generator_loss"] += self._encoder_loss(*scores)
        return means | score_statistics(*scores)

    # The losses -------------------------------------------------------------------------------

    def _discriminator_loss(
        self, critic: Critic, real: Tensors, fake: Tensors, index: int
    ) -> tuple[tf.Tensor, dict, dict]:
        """The loss, its further terms and their weights by name, of one update of the step."""
        objective, step = self.objective, self.step.value
        draw = self._draws(Stream.DISCRIMINATOR_TERMS, real, index)
        scores, numbers = (critic.scores(real), critic.scores(fake)), draw(PLACES - 1)
        for weighting in objective.weightings:
            scores = weighting.discriminator_scores(*scores, numbers, step)
        loss = tf.reduce_mean(objective.discriminator_loss(*scores))
        count = step * objective.discriminator_steps + index
        terms, weights = self._terms("discriminator", critic, real, fake, draw, count)
        terms |= self.extra_discriminator_terms(critic, real, fake)
        return loss, terms | self._own_losses("discriminator"), weights

    def _generator_loss(
        self, critic: Critic, real: Tensors, fake: Tensors, real_scores: tf.Tensor
    ) -> tuple[tf.Tensor, dict]:
        """The loss and its further terms by name."""
        objective, step = self.objective, self.step.value
        scores = critic.scores(fake)
        weights = [each.generator_weights(scores, step) for each in objective.weightings]
        weights = [each for each in weights if each is not None]
        if weights:
            # An example of no weight teaches nothing through an average of the scores either.
            weight = math.prod(weights)
            counted = tf.where(weight > 0, scores, tf.stop_gradient(scores))
            loss = tf.reduce_mean(weight * objective.generator_loss(real_scores, counted))
        else:
            loss = tf.reduce_mean(objective.generator_loss(real_scores, scores))
        loss += self._encoder_loss(real_scores, scores)
        draw = self._draws(Stream.GENERATOR_TERMS, real)
        terms, _ = self._terms("generator", critic, real, fake, draw, step)
        terms |= self.extra_generator_terms(critic, real, fake)
        return loss, terms | self._own_losses("generator")

    def _encoder_loss(self, real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor | float:
        """What the encoder's pairs add to the generator's loss; 0 where there are no pairs."""
        if not self.judged_latents:
            return 0.0
        return tf.reduce_mean(self.objective.encoder_loss(real_scores, fake_scores))

    def _terms(
        self,
        player: Player,
        critic: Critic,
        real: Tensors,
        fake: Tensors,
        draw: Callable[[int], Draws],
        count: tf.Tensor,
    ) -> tuple[dict, dict]:
        """The objective's terms in a player's loss and their weights; `count` of its updates."""
        values, weights = {}, {}
        own = (term for term in self.objective.terms if player in term.players)
        for place, term in enumerate(own):
            weight = tf.cast(term.weight_at(self.step.value), tf.float32)
            given = real, fake, draw(place), self.extensions.state(term)
            value = self._mean_term(term, getattr(term, f"{player}_term"), critic, given, count)
            if player == "generator":
                value = self.extensions.relative(term.name, value)
            values[term.name] = values.get(term.name, 0.0) + weight * value
            weights[term.name] = weight
        return values, weights

    def _mean_term(
        self, term: Term, hook: Callable, critic: Critic, given: tuple, count: tf.Tensor
    ) -> tf.Tensor:
        """Mean of a term's values before its weight; with an interval, that many times it or 0."""
        if term.in_float32 and not computes_in(self.discriminator, "float32"):
            critic = critic.within(lambda: float32_compute(self.discriminator))
        if term.interval == 1:
            return tf.reduce_mean(hook(critic, *given))
        due = tf.equal(count % term.interval, 0)

        def value(own: Critic) -> tf.Tensor:
            return term.interval * tf.reduce_mean(hook(own, *given))

        if replica_count() > 1:
            # Replicas cannot talk to each other within a condition; so it costs as much as ever.
            # What augmentations draw is drawn again, as below. (Dropout counts this pass even when
            # it is not due, so its masks are not those of one device.)
            own = critic.fresh() if self.extensions.augmentations else critic
            return tf.where(due, value(own), 0.0)
        # A pass of its own: one outside of the condition would be paid for at every update.
        return tf.cond(due, lambda: value(critic.fresh()), lambda: 0.0)

    def _own_losses(self, player: Player) -> dict[str, tf.Tensor]:
        """Regularisers and `add_loss` terms of the networks' layers, summed; empty without any."""
        losses = [loss for network in self.team(player) for loss in network.losses]
        return {"own_losses": tf.add_n([tf.cast(x, tf.float32) for x in losses])} if losses else {}

    # What an update works with ----------------------------------------------------------------

    def _draws(self, stream: Stream, real: Tensors, index: int = 0) -> Callable[[int], Draws]:
        step, rows = self.step.value, tf.shape(real[EXAMPLE])[0]
        return lambda place: Draws(self.seed, stream, step, index * PLACES + place, rows)

    def _critic(self, real: Tensors, latents: Tensors, stream: Stream, index: int = 0) -> Critic:
        """The discriminator as one update sees it: behind the augmentations, with their draws."""
        step = self.step.value
        # Packs are augmented example by example.
        draw = Draws(self.seed, stream, step, index, tf.shape(real[EXAMPLE])[0] * self.packing)
        augment = self.extensions.augment
        return Critic(
            self.discriminate,
            {"generator": self.generator, "discriminator": self.discriminator},
            CompanionFunctions({name: self._companion_function(name) for name in self.companions}),
            lambda x: augment(x, draw, step),
            rows=real,
            requested=latents.get(LABEL),
            takes=input_names(self._full_discriminator, EXAMPLE),
            latents=self.judged_latents,
        )

    def _companion_function(
        self, name: str, *, training: bool = True
    ) -> Callable[[Tensors], Tensors]:
        each = self.companions[name]
        # A frozen one goes by its moving statistics and drops nothing.
        options = {
            "takes": each.takes,
            "gives": each.gives,
            "training": training and each.trained_with is not None,
        }
        return lambda tensors: apply(each.network, tensors, **options)

    def _encode(self, real: Tensors, *, training: bool = True) -> Tensors:
        """The encoder's latents of real examples where the discriminator judges any, else none."""
        if not self.judged_latents:
            return {}
        found = self._companion_function(ENCODER, training=training)(real)
        return {name: found[name] for name in self.judged_latents}

    def _pack(self, tensors: Tensors) -> Tensors:
        return tensors | {EXAMPLE: pack_examples(tensors[EXAMPLE], self.packing)}

    def _noise(self, real: Tensors, stream: Stream, index: int | tf.Tensor = 0) -> Tensors:
        """The inputs of this replica's generator: a latent for each row of `real`, and the rest.

        `label` is the class that the generated example is asked to be of: the row's, where that is
        known, else a drawn one.
        """
        seed = stateless_seed(self.seed, stream, self.step.value, index)
        rows = tf.shape(real[EXAMPLE])[0]
        given = {name: real[name] for name in self.conditions}
        given |= replica_slice(lambda count: self.draw_latents(count, seed), rows)
        if self.classes:
            drawn = replica_slice(lambda count: self.draw_labels(count, seed), rows)
            given[LABEL] = requested_labels(real[LABEL], drawn)
        return given

    def _generate(self, latents: Tensors, *, training: bool = True) -> Tensors:
        return apply(self.generator, latents, training=training)


def _constants(tensors: Tensors) -> Tensors:
    return {name: tf.stop_gradient(each) for name, each in tensors.items()}


def score_statistics(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Means, spreads and probabilities of raw scores, float32 `(batch, ...)`: scalars.

    `real_probability` and `fake_probability` are the means of the sigmoid, D(x) and D(G(z)) of
    Goodfellow et al. (2014). The standard deviations are those within a replica.
    """
    return {
        "real_score": tf.reduce_mean(real_scores),
        "fake_score": tf.reduce_mean(fake_scores),
        "score_gap": tf.reduce_mean(real_scores) - tf.reduce_mean(fake_scores),
        "real_score_std": tf.math.reduce_std(real_scores),
        "fake_score_std": tf.math.reduce_std(fake_scores),
        "real_probability": tf.reduce_mean(tf.sigmoid(real_scores)),
        "fake_probability": tf.reduce_mean(tf.sigmoid(fake_scores)),
    }
