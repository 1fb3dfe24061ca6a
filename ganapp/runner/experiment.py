"""From a configuration to the objects of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import io
import math
import platform
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ganapp import __version__
from ganapp.config.former_settings import EXTENSIONS
from ganapp.config.members import AnnealConfig
from ganapp.config.rules import refuse
from ganapp.config.schema import Config, EvaluationConfig, OptimizerSection, TrainingConfig
from ganapp.errors import UserError, as_user_errors
from ganapp.models.gan import GAN
from ganapp.models.rules import CombinationWarning
from ganapp.runner.networks import (
    check_conditions,
    class_shares,
    is_told_classes,
    make_discriminator,
    make_generator,
)
from ganapp.runner.pictures import Backdrop, backdrop_of
from ganapp.runs import Json, Run
from ganapp.training.baselines import BASELINES
from ganapp.training.data import MODE_METRICS, DataSpec, Source
from ganapp.training.data.densities import Mixture
from ganapp.training.diagnostics.alarms import WeightHistory
from ganapp.training.distribution import make_strategy
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import EvaluationData
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.files import write_atomically
from ganapp.training.kernels import kernels
from ganapp.training.objectives import Objective
from ganapp.training.optimizers import OptimizerConfig
from ganapp.training.priors import DRAWS_VERSION
from ganapp.training.schedules import Anneal

VERSIONS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-learn")
# Real examples that pictures of points and tables show behind the samples: enough for their
# histograms, and few enough that a run does not become a copy of the data.
EXAMPLES = 1000
# Steps from which on a run is evaluated on as many samples as its report: evaluating a shorter
# one on as many takes longer than training it.
WHOLE = 2000
FEWEST_SAMPLES = 250  # of which figures still mean something


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The objects of one run.

    Args:
        config: the configuration they come from.
        source: the data.
        strategy: where the updates happen.
        gan: networks and prior, compiled.
        steps_per_epoch: generator steps of an epoch.
        data: what the networks were made for. Of a run that goes on or is evaluated it is what the
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
        """How often the run is recorded, evaluated and saved."""
        config = self.config
        return cadences_of(config.training, config.evaluation, self.scheduled_steps)

    @property
    def examples_per_step(self) -> int:
        """Real examples that one step consumes, all discriminator updates together."""
        return self.config.training.batch_size * self.config.objective.discriminator_steps

    @cached_property
    def judge(self) -> Evaluator:
        """The evaluator of this run's samples; fitted on the real data at first use."""
        return checked_evaluator(self.config.evaluation, self.source, cache=self.cache)

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

    def manifest(self) -> Json:
        """What everything downstream needs to know of the run."""
        networks = {"generator": self.gan.generator, "discriminator": self.gan.discriminator}
        return {
            "versions": versions(),
            "data": self.spec.as_dict(),
            "data_fingerprint": self.source.fingerprint(),
            "latent": self.config.generator.prior.model_dump(mode="json"),
            "draws": DRAWS_VERSION,
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
        refuse(config, kind=source.spec.kind)
        config.evaluation.features.build().check(source.original.spec)
        data = stored or stored_data_of(config, source)
        keras.config.set_dtype_policy(training.precision)
        # Only now: preparing data draws from the same generators, and only the first run does it.
        keras.utils.set_random_seed(training.seed)
        with strategy.scope():
            gan = _compiled_gan(config, data, (*lengths, steps * training.epochs)[0])
    return Experiment(config, source, strategy, gan, steps, data, lengths)


def compose_gan(config: Config, data: StoredData, steps: int) -> GAN:
    """The networks of a run without its data, to load a generator into; on one device.

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
    prior = config.generator.prior.build()
    gan = GAN(
        make_generator(config, prior, data.spec),
        make_discriminator(config, data.spec),
        prior,
        class_shares=data.class_shares or None,
        seed=training.seed,
        ema_half_life=training.ema_half_life or None,
        ema_warm_up=training.ema_warm_up,
        packing=config.discriminator.packing,
    )
    if data.observations:
        gan.set_observations(**data.observations)
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
    extensions = {
        table: tuple(each.build(updates=total_steps) for each in getattr(section, table).values())
        for table in EXTENSIONS
    }
    return section.build(
        discriminator_steps=section.discriminator_steps,
        constraint=section.constraint.build(),
        **extensions,
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


def _check_metric(config: Config, source: Source) -> None:
    metric = config.evaluation.metric
    if metric in MODE_METRICS and metric not in source.metrics:
        raise ValueError(
            f"`evaluation.metric` can be {metric!r} only for data with known modes. "
            f"Received: data.source={source.spec.name!r}"
        )


def checked_evaluator(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Evaluator:
    """An evaluator that has every figure that is configured.

    Raises:
        UserError: the feature space cannot be made, or the data have no such figure.
    """
    try:
        judge = make_evaluator(evaluation, source, cache=cache)
    except ValueError as error:
        raise UserError(str(error).strip()) from error
    along, whole = judge.keys
    metric, figures = {evaluation.metric}, set(evaluation.figures)
    for field, wanted, possible in (("metric", metric, along), ("figures", figures, whole)):
        if not wanted <= possible:
            raise UserError(
                f"`evaluation.{field}` must be figures that the data {source.spec.name!r} have in "
                f"the feature space {evaluation.features.name!r}. "
                f"Received: {', '.join(sorted(wanted - possible))}"
            )
    return judge


def make_evaluator(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Evaluator:
    """What compares samples with the source's data as the section says.

    Args:
        cache: folder for what takes long to work out from the data.

    Raises:
        ValueError: the feature space cannot be made.
    """
    source = source.original
    count = real_count(evaluation, source)
    train, train_labels = source.training_examples(count)
    held_out, held_out_labels = source.held_out_examples(count)
    data = EvaluationData(
        source.spec,
        train=train,
        held_out=held_out,
        train_labels=train_labels,
        held_out_labels=held_out_labels,
        modes=source.modes,
        channel_images=source.channel_images,
        neighbours=evaluation.neighbours,
        components=evaluation.components,
        features=evaluation.features.build(),
        cache=None if cache is None else cache / "evaluation",
        seed=evaluation.seed,
    )
    return Evaluator(
        data,
        baseline_components=evaluation.baseline_components,
        figures=evaluation.figures,
        training_figures=(evaluation.metric,),
        reference=evaluation.reference,
    )


def real_count(evaluation: EvaluationConfig, source: Source) -> int | None:
    """How many real examples of each kind are compared with; `None` means all there are."""
    return evaluation.samples if source.spec.examples is None else None


def check_baselines(names: Sequence[str], source: Source) -> None:
    """Raises a ValueError about baselines that do not exist or that these data cannot have."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"`evaluation.baselines` must name each once. Received: {names}")
        if BASELINES[name].needs_density and source.density is None:
            raise ValueError(
                f"The baseline {name!r} must have data whose density is known, such as 'moons'. "
                f"Received: data.source={source.spec.name!r}"
            )


def metric_direction(metric: str) -> str:
    """`"higher"` or `"lower"`: which values of a figure are better."""
    return next(m.figures[metric].better for m in METRICS if metric in m.figures)


OBSERVATIONS = 256  # that a run keeps, to make samples for
OBSERVED = "observed_"  # in front of their names in the file


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredData:
    """What the networks and the pictures of a run need to know of its data.

    Args:
        spec: shapes, units, classes, and the columns of a table.
        class_shares: share of each class in the training examples; empty where the generator is
            given no classes.
        backdrop: what pictures of samples show behind them.
        observations: of held-out examples, in model units, by name: what samples are made for
            where nobody says another; empty where the generator takes none.
    """

    spec: DataSpec
    class_shares: tuple[float, ...]
    backdrop: Backdrop
    observations: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def write(self, run: Run) -> None:
        """Writes all but `spec`, which is in the manifest, to the run.

        The same data give the same bytes.
        """
        arrays: dict[str, np.ndarray] = {
            "class_shares": np.asarray(self.class_shares, np.float64),
            "stacked": np.asarray(self.backdrop.stacked),
        }
        if self.backdrop.modes is not None:
            arrays |= {
                "centres": np.asarray(self.backdrop.modes.centres),
                "sigma": np.asarray(self.backdrop.modes.sigma),
            }
        if self.backdrop.real is not None:
            arrays["real"] = np.asarray(self.backdrop.real)
        arrays |= {f"{OBSERVED}{name}": np.asarray(x) for name, x in self.observations.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(run.data, buffer.getvalue())


def stored_data_of(config: Config, source: Source) -> StoredData:
    """What a run on this source will keep.

    Raises:
        ValueError: the generator is to be given classes that the data do not have, or that no part
            of the discriminator looks at, or the other way round.
    """
    check_conditions(config, source.spec)
    shares = class_shares(source) if is_told_classes(config) else ()
    backdrop = backdrop_of(source, examples=EXAMPLES)
    observations = source.held_out_observations(OBSERVATIONS)
    return StoredData(
        spec=source.spec, class_shares=shares, backdrop=backdrop, observations=observations
    )


def read_stored_data(run: Run) -> StoredData | None:
    """What the run has kept of its data; `None` where it has not started, or is an old one.

    Raises:
        UserError: a file of it is damaged.
    """
    described = (run.read_manifest() or {}).get("data")
    try:
        with run.data.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = dict(found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise run.damaged(run.data) from error
    if described is None:
        return None
    try:
        spec = DataSpec.from_dict(described)
        shares = tuple(map(float, arrays["class_shares"]))
        observations = {name: arrays[f"{OBSERVED}{name}"] for name in spec.conditions}
        return StoredData(
            spec=spec,
            class_shares=shares,
            backdrop=_backdrop(spec, arrays),
            observations=observations,
        )
    except KeyError as error:
        raise run.damaged(run.data) from error
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The manifest {run.manifest} describes data that this ganapp does not know: "
            f"{str(error).strip()}"
        ) from error


def _backdrop(spec: DataSpec, arrays: Mapping[str, np.ndarray]) -> Backdrop:
    modes = Mixture(arrays["centres"], float(arrays["sigma"])) if "centres" in arrays else None
    return Backdrop(
        spec=spec, stacked=bool(arrays["stacked"]), modes=modes, real=arrays.get("real")
    )


@dataclasses.dataclass(frozen=True)
class Usual:
    """The cadence of a setting that is left out.

    Args:
        every: steps between two times, in a run that is long enough.
        least: how many times a shorter run gets, as far as it has steps.
        most: how many times a longer run gets; `None` for as many as there are.
    """

    every: int
    least: int
    most: int | None = None

    def over(self, steps: int) -> int:
        """Steps between two times in a run of so many steps."""
        fewest = 1 if self.most is None else math.ceil(steps / self.most)
        return max(min(self.every, math.ceil(steps / self.least)), fewest)


USUAL = {
    "log_every": Usual(50, least=50),
    "checkpoint_every": Usual(500, least=5),
    "sample_every": Usual(500, least=4, most=100),
    "evaluate_every": Usual(1000, least=2, most=50),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cadences:
    """Steps between two times of everything that happens along a training.

    Args:
        log: rows of scalars.
        checkpoint: checkpoints.
        sample: pictures.
        evaluate: evaluations.
        samples: how many samples an evaluation is made on.
        notes: sentences on settings that did not fit the length of the run.
    """

    log: int
    checkpoint: int
    sample: int
    evaluate: int
    samples: int
    notes: tuple[str, ...] = ()


def cadences_of(training: TrainingConfig, evaluation: EvaluationConfig, steps: int) -> Cadences:
    """The cadences of a run of so many steps.

    What the configuration leaves out goes by the length of the run; what it sets holds, unless the
    run is over before the first time.
    """
    every, notes = {}, []
    for name, usual in USUAL.items():
        given, fitting = getattr(training, name), usual.over(steps)
        every[name] = fitting if given is None or given > steps else given
        if given is not None and given > steps:
            notes.append(
                f"`training.{name}` is {given:,}, more than the {steps:,} steps of this run; it is "
                f"taken as {fitting:,}"
            )
    samples = _samples_along(evaluation, steps)
    return Cadences(
        **{name.removesuffix("_every"): steps for name, steps in every.items()},
        samples=samples,
        notes=tuple(notes),
    )


def _samples_along(evaluation: EvaluationConfig, steps: int) -> int:
    fitting = math.ceil(evaluation.samples * min(1.0, steps / WHOLE))
    # Nearest neighbours are looked for among the samples.
    return min(evaluation.samples, max(fitting, FEWEST_SAMPLES, evaluation.neighbours + 1))
