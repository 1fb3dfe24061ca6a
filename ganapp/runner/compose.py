"""From a configuration to the objects it names."""

import contextlib
import dataclasses
import importlib.metadata
import platform
import warnings
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ganapp import __version__
from ganapp.combinations import refuse
from ganapp.config import Config, OptimizerSection
from ganapp.models.gan import GAN
from ganapp.models.rules import CombinationWarning
from ganapp.runner.cadences import Cadences, cadences_of
from ganapp.runner.judges import check_baselines, checked_judge
from ganapp.runner.mistakes import as_user_errors
from ganapp.runner.networks import make_discriminator, make_generator, make_prior
from ganapp.runner.stored_data import StoredData, stored_data_of
from ganapp.scheduled import AnnealConfig
from ganapp.training.data import MODE_METRICS, DataSpec, Source
from ganapp.training.diagnostics.history import WeightHistory
from ganapp.training.distribution import make_strategy
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.kernels import kernels
from ganapp.training.objectives import Objective
from ganapp.training.optimizers import OptimizerConfig
from ganapp.training.schedules import Anneal

VERSIONS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The objects of one run.

    Args:
        config: the configuration they come from.
        source: the data.
        strategy: where the updates happen.
        gan: networks and prior, compiled.
        steps_per_epoch: generator steps of an epoch.
        data: what the networks were made for. Of a run that goes on or is judged it is what the
            run has kept, whatever the source holds now.
        lengths: total steps that the run had before it was made longer, the first one first.
    """

    config: Config
    source: Source
    strategy: tf.distribute.Strategy
    gan: GAN
    steps_per_epoch: int
    data: StoredData
    lengths: tuple[int, ...] = ()

    @property
    def total_steps(self) -> int:
        """Generator steps of the whole run."""
        return self.config.training.epochs * self.steps_per_epoch

    @property
    def scheduled_steps(self) -> int:
        """Steps over which schedules run: those that the run was started for.

        A run that is made longer holds their ends, so that what it has trained is what it was.
        """
        return self.lengths[0] if self.lengths else self.total_steps

    @property
    def spec(self) -> DataSpec:
        """What the generator makes."""
        return self.data.spec

    @cached_property
    def cadences(self) -> Cadences:
        """How often the run is recorded, judged and saved."""
        config = self.config
        return cadences_of(config.training, config.evaluation, self.scheduled_steps)

    @property
    def examples_per_step(self) -> int:
        """Real examples that one step consumes, all discriminator updates together."""
        return self.config.training.batch_size * self.config.objective.discriminator_steps

    @cached_property
    def judge(self) -> Evaluator:
        """What judges this run's samples; fitted on the real data at first use."""
        return checked_judge(self.config.evaluation, self.source, cache=self.cache)

    @property
    def cache(self) -> Path:
        """Where what is prepared once is kept."""
        return self.config.data.cache

    @cached_property
    def histories(self) -> dict[str, WeightHistory]:
        """What tells how far each player's weights are from their average over the training."""
        players = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return {
            name: WeightHistory([variable.value for variable in network.trainable_variables])
            for name, network in players.items()
        }

    def state(self) -> dict[str, list[tf.Variable]]:
        """Every variable that a resumed run needs, by part."""
        histories = {f"{name}_history": each.state for name, each in self.histories.items()}
        return self.gan.state() | histories

    def manifest(self) -> dict[str, Any]:
        """What everything downstream needs to know of the run."""
        networks = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return {
            "versions": versions(),
            "data": self.spec.as_dict(),
            "data_fingerprint": self.source.fingerprint(),
            "latent": self.config.generator.prior.model_dump(mode="json"),
            "seed": self.config.training.seed,
            "configuration": self.config.model_dump(mode="json", exclude_none=True),
            "parameters": {name: network.count_params() for name, network in networks.items()},
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total_steps,
            "extended_from": list(self.lengths),
            "replicas": self.strategy.num_replicas_in_sync,
            "kernels": kernels(),
        }


def versions() -> dict[str, str]:
    """Of Python, of ganapp and of the libraries whose results a run depends on."""
    libraries = {name: importlib.metadata.version(name) for name in VERSIONS}
    return {"python": platform.python_version(), "ganapp": __version__} | libraries


def compose(
    config: Config, *, stored: StoredData | None = None, lengths: tuple[int, ...] = ()
) -> Experiment:
    """Builds everything a run needs; nothing is written.

    Args:
        config: of the run.
        stored: what the run has kept of its data; read from the source when `None`.
        lengths: see `Experiment`.

    Raises:
        UserError: if the parts do not fit each other.
    """
    training = config.training
    _compute_deterministically(config)
    with _default_precision_after(), as_user_errors(config.data.source):
        strategy = make_strategy(training.replicas)
        source = config.data.build()
        steps = _steps_per_epoch(config, source)
        _check_batch(config, strategy)
        _check_metric(config, source)
        check_baselines(config.evaluation.baselines, source)
        _check_clips(source)
        refuse(config, kind=source.spec.kind)
        config.evaluation.features.build().check(source.judged.spec)
        data = stored or stored_data_of(config, source)
        keras.config.set_dtype_policy(training.precision)
        # Only now: preparing data draws from the same generators, and only the first run does it.
        keras.utils.set_random_seed(training.seed)
        with strategy.scope():
            gan = _compiled_gan(config, data, (*lengths, steps * training.epochs)[0])
    return Experiment(config, source, strategy, gan, steps, data, lengths)


def compose_gan(config: Config, data: StoredData, steps: int) -> GAN:
    """The networks of a run without its data, to load a generator into; on one device.

    Args:
        config: of the run.
        data: what the run has kept of its data.
        steps: of the run.

    Raises:
        UserError: if the parts do not fit each other.
    """
    _compute_deterministically(config)
    with _default_precision_after(), as_user_errors(config.data.source):
        keras.config.set_dtype_policy(config.training.precision)
        return _compiled_gan(config, data, steps)


def _compute_deterministically(config: Config) -> None:
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def _default_precision_after() -> Iterator[None]:
    try:
        yield
    finally:
        keras.config.set_dtype_policy("float32")


def _compiled_gan(config: Config, data: StoredData, total_steps: int) -> GAN:
    training = config.training
    prior = make_prior(config, data.class_shares)
    gan = GAN(
        make_generator(config, prior, data.spec),
        make_discriminator(config, prior, data.spec),
        prior,
        seed=training.seed,
        ema_half_life=training.ema_half_life or None,
        ema_warm_up=training.ema_warm_up,
        packing=config.discriminator.packing,
    )
    objective = _objective(config, total_steps)
    with warnings.catch_warnings():
        # The plan shows the same advice in the words of the configuration.
        warnings.simplefilter("ignore", CombinationWarning)
        gan.compile(
            objective.generator_optimizer.build(total_steps),
            objective.discriminator_optimizer.build(total_steps * objective.discriminator_steps),
            objective=objective,
            jit_compile=training.jit_compile,
            steps_per_execution=training.steps_per_execution,
        )
    return gan


def _objective(config: Config, total_steps: int) -> Objective:
    section = config.objective
    penalties, stabilisers = (
        tuple(member.build(updates=total_steps) for member in tables.values())
        for tables in (section.penalties, section.stabilisers)
    )
    return section.build(
        discriminator_steps=section.discriminator_steps,
        penalties=penalties,
        stabilisers=stabilisers,
        constraint=section.constraint.build(),
        generator_optimizer=_optimizer(config.generator.optimizer),
        discriminator_optimizer=_optimizer(config.discriminator.optimizer),
    )


def _optimizer(section: OptimizerSection) -> OptimizerConfig:
    rate = _annealed(section.learning_rate)
    return OptimizerConfig(name=section.name, learning_rate=rate, options=section.options)


def _annealed(value: float | AnnealConfig) -> float | Anneal:
    return value.anneal() if isinstance(value, AnnealConfig) else value


def _steps_per_epoch(config: Config, source: Source) -> int:
    training = config.training
    batch = training.batch_size * config.objective.discriminator_steps
    steps = training.steps_per_epoch or source.steps_per_epoch(batch)
    if steps is None:
        raise ValueError(
            f"`training.steps_per_epoch` is needed: the data source {source.spec.name!r} never "
            "ends. Received: none"
        )
    if source.steps_per_epoch(batch) == 0:
        raise ValueError(
            "`training.batch_size` times `objective.discriminator_steps` must not exceed the "
            f"{source.spec.examples} training examples. Received: {training.batch_size} times "
            f"{config.objective.discriminator_steps}"
        )
    if steps % training.steps_per_execution:
        raise ValueError(
            "`training.steps_per_execution` must divide the steps of an epoch, "
            f"{steps} here. Received: {training.steps_per_execution}"
        )
    return steps


def _check_batch(config: Config, strategy: tf.distribute.Strategy) -> None:
    replicas, batch = strategy.num_replicas_in_sync, config.training.batch_size
    packing = config.discriminator.packing
    if batch % (replicas * packing):
        packs = f" times `discriminator.packing` {packing}" if packing > 1 else ""
        raise ValueError(
            f"`training.batch_size` must be a multiple of the {replicas} replicas{packs}. "
            f"Received: {batch}"
        )


def _check_clips(source: Source) -> None:
    if source.spec.kind == "video":
        shape = " x ".join(map(str, source.spec.shape))
        raise ValueError(
            "`data.source` must hold images or vectors, because no network makes clips yet "
            "(`python -m ganapp baseline` does). "
            f"Received: data.source={source.spec.name!r}, which holds clips of {shape}"
        )


def _check_metric(config: Config, source: Source) -> None:
    metric = config.evaluation.metric
    if metric in MODE_METRICS and metric not in source.metrics:
        raise ValueError(
            f"`evaluation.metric` can be {metric!r} only for data with known modes. "
            f"Received: data.source={source.spec.name!r}"
        )
