"""From a configuration to the objects of a run: data, networks, the compiled GAN."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import inspect
import io
import math
import platform
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ganapp import __version__
from ganapp.config.loading import level_configs
from ganapp.config.members import as_table
from ganapp.config.schema import Config, EvaluationConfig, TrainingConfig
from ganapp.errors import UserError, as_user_errors
from ganapp.models import rules
from ganapp.models.batches import packed_shape
from ganapp.models.companions import ENCODER, Companion
from ganapp.models.ema import copy_network
from ganapp.models.frozen import freeze
from ganapp.models.gan import GAN
from ganapp.models.networks import GENERATORS
from ganapp.models.networks.pyramid import composed, level_latent
from ganapp.models.networks.readers import reader
from ganapp.models.tensors import EXAMPLE, FEATURES, LABEL, LATENT, LOGITS, input_shapes
from ganapp.plugins import named_plugins
from ganapp.runs import Json, Run
from ganapp.training.baselines import BASELINES
from ganapp.training.data import MODE_METRICS, DataSpec, Source
from ganapp.training.data.densities import Mixture
from ganapp.training.data.features import FeatureSource
from ganapp.training.data.levels import spec_at_level
from ganapp.training.diagnostics.alarms import WeightHistory
from ganapp.training.distribution import make_strategy
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.features.layer import Layer, network_bytes, network_from
from ganapp.training.evaluation.metric import EvaluationData
from ganapp.training.files import write_atomically
from ganapp.training.kernels import kernels
from ganapp.training.priors import DRAWS_VERSION, Prior, Product
from ganapp.training.registry import Registry
from ganapp.training.terms.mutual_information import CODE, CODE_READER, size_of
from ganapp.training.terms.reconstruction import COMPARATOR

VERSIONS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-learn")
# Real examples that pictures of points and tables show behind the samples: enough for their
# histograms, and few enough that a run does not become a copy of the data.
EXAMPLES = 1000
# Steps from which on a run is evaluated on as many samples as its report: evaluating a shorter
# one on as many takes longer than training it.
WHOLE = 2000
FEWEST_SAMPLES = 250  # of which figures still mean something
OBSERVATIONS = 256  # that a run keeps, to make samples for without its data
OBSERVED = "observed_"  # in front of their names in the file
UNCONDITIONAL = "none"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The objects of one run.

    Args:
        steps_per_epoch: generator steps of an epoch.
        data: what the networks were made for. Of a run that goes on or is evaluated it is what the
            run has kept, whatever the source holds now.
        lengths: total steps that the run had before it was made longer, the first one first.
        started_from: the run whose networks this one began with, and the step; `None` for its own.
    """

    config: Config
    source: Source
    strategy: tf.distribute.Strategy
    gan: GAN
    steps_per_epoch: int
    data: StoredData
    lengths: tuple[int, ...] = ()
    started_from: Json | None = None

    @property
    def epochs(self) -> int:
        """Epochs of the whole run; of a pyramid those in which its levels train together."""
        return epochs_of(self.config)

    @property
    def total_steps(self) -> int:
        """Generator steps of the whole run."""
        return self.epochs * self.steps_per_epoch

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
    def evaluation(self) -> EvaluationConfig:
        """How the run is evaluated: as configured, but on one sample for an observation at most.

        Samples for the same held-out observation are like each other, and would pass for copies.
        """
        evaluation, most = self.config.evaluation, self.source.spec.held_out
        if not self.gan.generator_conditions or evaluation.samples <= most:
            return evaluation
        return evaluation.model_copy(update={"samples": most})

    @cached_property
    def cadences(self) -> Cadences:
        """How often the run is recorded, evaluated and saved."""
        return cadences_of(self.config.training, self.evaluation, self.scheduled_steps)

    @property
    def notes(self) -> list[str]:
        """Sentences on what was assumed of the data, of frozen networks and of the run's length."""
        layers = [
            f"`companions.{name}`: {section.build().note}"
            for name, section in self.config.companions.items()
            if section.network == Layer.name
        ]
        return [*self.source.notes, *layers, *self.cadences.notes]

    @property
    def examples_per_step(self) -> int:
        """Real examples that one step consumes, all discriminator updates together."""
        return self.config.training.batch_size * self.config.objective.discriminator_steps

    @cached_property
    def evaluator(self) -> Evaluator:
        """The evaluator of this run's samples; fitted on the real data at first use."""
        return make_evaluator(self.config.evaluation, self.source, cache=self.config.data.cache)

    @property
    def networks(self) -> dict[str, keras.Model]:
        """Both players by name."""
        return {"generator": self.gan.generator, "discriminator": self.gan.discriminator}

    @cached_property
    def histories(self) -> dict[str, WeightHistory]:
        """How far each player's weights are from their average over the training."""
        return {
            name: WeightHistory([variable.value for variable in network.trainable_variables])
            for name, network in self.networks.items()
        }

    def state(self) -> dict[str, list[tf.Variable]]:
        """Every variable that a resumed run needs, by part."""
        histories = {f"{name}_history": each.state for name, each in self.histories.items()}
        return self.gan.state() | histories

    def manifest(self) -> Json:
        """What everything downstream needs to know of the run."""
        return {
            "versions": versions(),
            "data": self.spec.as_dict(),
            "data_fingerprint": self.source.fingerprint(),
            "networks": {name: digest(each) for name, each in self.data.networks.items()},
            "latent": as_table(self.gan.prior),
            "draws": DRAWS_VERSION,
            "plugins": {plugin.name: plugin.sha256 for plugin in named_plugins()},
            "seed": self.config.training.seed,
            "configuration": self.config.model_dump(mode="json", exclude_none=True),
            "parameters": {name: network.count_params() for name, network in self.networks.items()},
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total_steps,
            "extended_from": list(self.lengths),
            "replicas": self.strategy.num_replicas_in_sync,
            "kernels": kernels(),
        }


def epochs_of(config: Config) -> int:
    """Epochs of a run; of a pyramid those in which its levels train together."""
    return config.fine_tuning.epochs if config.levels else config.training.epochs


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
    with _composition(config):
        strategy = make_strategy(training.replicas)
        source = config.data.build(None if stored is None else stored.network(FEATURES))
        steps = _steps_per_epoch(config, source)
        _check_batch(config, strategy)
        metric = config.evaluation.metric
        if metric in MODE_METRICS and metric not in source.metrics:
            raise ValueError(
                f"`evaluation.metric` can be {metric!r} only for data with known modes. "
                f"Received: data.source={source.spec.name!r}"
            )
        check_baselines(config.evaluation.baselines, source)
        rules.refuse(config.combination(source.spec.kind))
        config.evaluation.features.build().check(source.original.spec)
        data = stored or stored_data_of(config, source)
        keras.config.set_dtype_policy(training.precision)
        # Only now: preparing data draws from the same generators, and only the first run does it.
        keras.utils.set_random_seed(training.seed)
        with strategy.scope():
            gan = _compiled_gan(config, data, (*lengths, steps * epochs_of(config))[0])
        if gan.observations:  # the run keeps a few of those that it is judged on
            count = max(OBSERVATIONS, config.evaluation.samples)
            gan.set_observations(**source.held_out_observations(count))
    return Experiment(config, source, strategy, gan, steps, data, lengths)


def compose_gan(config: Config, data: StoredData, steps: int) -> GAN:
    """The networks of a run without its data, to load a generator into; on one device.

    Raises:
        UserError: if the parts do not fit each other.
    """
    with _composition(config):
        keras.config.set_dtype_policy(config.training.precision)
        return _compiled_gan(config, data, steps)


@contextlib.contextmanager
def _composition(config: Config) -> Iterator[None]:
    """Turns on determinism where it is configured; puts back the precision of layers at the end."""
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    try:
        with as_user_errors(config.data.source):
            yield
    finally:
        keras.config.set_dtype_policy("float32")


def _compiled_gan(config: Config, data: StoredData, total_steps: int) -> GAN:
    total_steps = max(1, total_steps)  # levels that are not trained together have none
    training = config.training
    prior = _make_prior(config)
    generator = data.network("generator", frozen=False)
    discriminator = data.network("discriminator", frozen=False)
    generator = generator or _make_generator(config, prior, data.spec)
    discriminator = discriminator or _make_discriminator(config, prior, data.spec)
    freeze(generator, config.generator.frozen or (), setting="generator.frozen")
    freeze(discriminator, config.discriminator.frozen or (), setting="discriminator.frozen")
    gan = GAN(
        generator,
        discriminator,
        prior,
        companions=_make_companions(config, prior, data),
        class_shares=data.class_shares or None,
        seed=training.seed,
        ema_half_life=training.ema_half_life or None,
        ema_warm_up=training.ema_warm_up,
        packing=config.discriminator.packing,
    )
    if data.observations:
        gan.set_observations(**data.observations)
    objective = config.objective.extended(
        updates=total_steps,
        codes=_codes_of(prior),
        generator_optimizer=config.generator.optimizer.build(),
        discriminator_optimizer=config.discriminator.optimizer.build(),
    )
    with warnings.catch_warnings():
        # The plan shows the same advice in the words of the configuration.
        warnings.simplefilter("ignore", rules.CombinationWarning)
        gan.compile(
            objective.generator_optimizer.build(total_steps),
            objective.discriminator_optimizer.build(total_steps * objective.discriminator_steps),
            objective=objective,
            jit_compile=training.jit_compile,
            steps_per_execution=training.steps_per_execution,
        )
    return gan


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


def make_evaluator(
    evaluation: EvaluationConfig, source: Source, *, cache: Path | None = None
) -> Evaluator:
    """Compares samples with the source's data as the section says.

    Args:
        cache: folder for what takes long to work out from the data.

    Raises:
        UserError: the feature space cannot be made, or the data have no figure that is wanted.
    """
    source = source.original
    try:
        count = real_count(evaluation, source)
        train, train_labels = source.training_examples(count)
        held_out, held_out_labels = source.held_out_examples(count)
        data = EvaluationData(
            source.spec,
            train=train,
            held_out=held_out,
            train_labels=train_labels,
            held_out_labels=held_out_labels,
            held_out_factors=source.held_out_factors(count),
            modes=source.modes,
            channel_images=source.channel_images,
            neighbours=evaluation.neighbours,
            components=evaluation.components,
            features=evaluation.features.build(),
            folder=None if cache is None else cache / "evaluation",
            seed=evaluation.seed,
        )
        evaluator = Evaluator(
            data,
            baseline_components=evaluation.baseline_components,
            figures=evaluation.figures,
            training_figures=(evaluation.metric,),
            reference=evaluation.reference,
        )
    except ValueError as error:
        raise UserError(str(error).strip()) from error
    along, whole = evaluator.keys
    metric, figures = {evaluation.metric}, set(evaluation.figures)
    for field, wanted, possible in (("metric", metric, along), ("figures", figures, whole)):
        if not wanted <= possible:
            raise UserError(
                f"`evaluation.{field}` must be figures that the data {source.spec.name!r} have in "
                f"the feature space {evaluation.features.name!r}. "
                f"Received: {', '.join(sorted(wanted - possible))}"
            )
    return evaluator


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredData:
    """What the networks and the pictures of a run need to know of its data.

    Args:
        stacked: whether the channels of an image are pictures by themselves.
        real: real examples in user units of a table, or of points without known modes.
        class_shares: share of each class in the training examples; empty where the generator is
            given no classes.
        observations: of held-out examples, in model units, by name: what samples are made for
            where nobody says another; empty where the generator takes none.
        networks: those that the run depends on, by name, as the content of `.keras` files: what
            makes its observation `features`, comparators, and players that a user has made.
    """

    spec: DataSpec
    stacked: bool = False
    modes: Mixture | None = None
    real: np.ndarray | None = None
    class_shares: tuple[float, ...] = ()
    observations: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    networks: Mapping[str, bytes] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, *, examples: int | None = None, **networks: object) -> StoredData:
        """What pictures need of this source; of a table so many real rows, all when `None`."""
        spec, modes, real = source.spec, source.modes, None
        if spec.table is not None:
            real, _ = source.training_examples(examples)
        elif spec.kind == "vector" and modes is None:
            real, _ = source.held_out_examples(EXAMPLES)
        stacked = source.channel_images is not None
        return cls(spec=spec, stacked=stacked, modes=modes, real=real, **networks)

    def network(self, name: str, *, frozen: bool = True) -> keras.Model | None:
        """One of the networks; `None` if there is none of that name."""
        if name not in self.networks:
            return None
        return network_from(self.networks[name], frozen=frozen)

    def write(self, run: Run) -> None:
        """Writes all but `spec`, which is in the manifest; the same data give the same bytes."""
        for name, content in self.networks.items():
            write_atomically(network_file(run, name), content)
        arrays = {"class_shares": np.asarray(self.class_shares, np.float64)}
        arrays["stacked"] = np.asarray(self.stacked)
        if self.modes is not None:
            arrays["centres"] = np.asarray(self.modes.centres)
            arrays["sigma"] = np.asarray(self.modes.sigma)
        if self.real is not None:
            arrays["real"] = np.asarray(self.real)
        arrays |= {f"{OBSERVED}{name}": np.asarray(x) for name, x in self.observations.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(run.data, buffer.getvalue())


def stored_data_of(
    config: Config, source: Source, own: Mapping[str, keras.Model] | None = None
) -> StoredData:
    """What a run on this source will keep; a `ValueError` where its classes do not fit.

    Args:
        own: networks of a GAN that is there already, by name; else those that the configuration
            names a file for are read.
    """
    if own is None:
        _check_conditions(config, source.spec)
    shares = _class_shares(source) if config.generator.condition != UNCONDITIONAL else ()
    networks = {
        name: section.build().network(source, folder=config.data.networks, key=f"companions.{name}")
        for name, section in config.companions.items()
        if section.network == Layer.name
    }
    if isinstance(source, FeatureSource):
        networks[FEATURES] = source.network
    prior, spec = _make_prior(config), source.spec
    if own is not None:
        networks |= own
    elif "file" in config.generator.options:
        networks["generator"] = _make_generator(config, prior, spec)
    if own is None and "file" in config.discriminator.options:
        networks["discriminator"] = _make_discriminator(config, prior, spec)
    return StoredData.of(
        source,
        examples=EXAMPLES,
        class_shares=shares,
        observations=source.held_out_observations(OBSERVATIONS),
        networks={name: network_bytes(each) for name, each in networks.items()},
    )


def network_file(run: Run, name: str) -> Path:
    """Where a run keeps a network that it depends on."""
    return run.networks / f"{name}.keras"


def digest(content: bytes) -> str:
    """What the manifest says of the content of a file."""
    return hashlib.sha256(content).hexdigest()


def _read_networks(run: Run, digests: Mapping[str, str]) -> dict[str, bytes]:
    found = {}
    for name, expected in digests.items():
        path = network_file(run, name)
        found[name] = path.read_bytes() if path.is_file() else b""
        if digest(found[name]) != expected:
            what = "another one than the run was trained with" if found[name] else "missing"
            raise UserError(
                f"The network {path} is {what}: put the run's own back, or train anew. "
                f"Expected: a file of the sha256 {expected}"
            )
    return found


def read_stored_data(run: Run) -> StoredData | None:
    """What the run has kept of its data; `None` where it has not started, or is an old one.

    Raises:
        UserError: a file of it is damaged.
    """
    manifest = run.read_manifest() or {}
    described = manifest.get("data")
    try:
        with run.data.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = dict(found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise run.damaged(run.data) from error
    if described is None:
        return None
    networks = _read_networks(run, manifest.get("networks", {}))
    try:
        spec = DataSpec.from_dict(described)
        centres = arrays.get("centres")
        return StoredData(
            spec=spec,
            stacked=bool(arrays["stacked"]),
            modes=None if centres is None else Mixture(centres, float(arrays["sigma"])),
            real=arrays.get("real"),
            class_shares=tuple(map(float, arrays["class_shares"])),
            observations={name: arrays[f"{OBSERVED}{name}"] for name in spec.conditions},
            networks=networks,
        )
    except KeyError as error:
        raise run.damaged(run.data) from error
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The manifest {run.manifest} describes data that this ganapp does not know: "
            f"{str(error).strip()}"
        ) from error


def _class_shares(source: Source) -> tuple[float, ...]:
    """Share of each class in the training examples whose label is known.

    Raises:
        ValueError: no labels, one class only, or a class without examples.
    """
    labels = source.training_labels()
    if labels is None or len(known := labels[labels >= 0]) == 0:
        raise ValueError(
            "`generator.condition` needs data with labels; 'none' is for data without. "
            f"Received: data.source={source.spec.name!r}, which has none"
        )
    counts = np.bincount(known, minlength=len(source.spec.classes))
    if len(counts) < 2 or not counts.all():
        empty = ", ".join(map(str, np.flatnonzero(counts == 0)))
        found = f"no examples of class {empty}" if empty else "one class"
        raise ValueError(
            "`generator.condition` needs at least two classes with training examples in each. "
            f"Received: data.source={source.spec.name!r} with {found}"
        )
    return tuple(float(count) for count in counts / counts.sum())


def _make_prior(config: Config) -> Prior:
    """The prior of the generator's latents; of a pyramid, one part for each level."""
    if not config.levels:
        return config.generator.prior.build()
    levels = level_configs(config)
    return Product(
        parts={level_latent(n): each.generator.prior.build() for n, each in enumerate(levels)}
    )


def _make_generator(config: Config, prior: Prior, spec: DataSpec) -> keras.Model:
    """The generator for latents of the prior, of examples as `spec` has them."""
    if config.levels:
        return composed([_make_level(each, spec) for each in level_configs(config)])
    section, options = config.generator, _head(config, spec)
    layers = {name: part.first_layer() for name, part in prior.parts.items()}
    layers = {name: layer for name, layer in layers.items() if layer is not None}
    inputs = {name: (size,) for name, size in prior.sizes.items()} | {
        name: layer.compute_output_shape((None, prior.sizes[name]))[1:]
        for name, layer in layers.items()
    }
    inputs |= dict(spec.conditions)
    if section.condition != UNCONDITIONAL:
        inputs[LABEL] = (len(spec.classes),)
        options["condition"] = section.condition
        if spec.label_start is not None:
            options["class_start"] = spec.label_start
    network = section.build(inputs, spec.shape, **options)
    return _with_first_layers(network, layers, prior.sizes)


def _make_level(config: Config, spec: DataSpec) -> keras.Model:
    """The generator of one level of a pyramid of images as `spec` has them."""
    of_level = spec_at_level(spec, config.data.level, coarse=config.data.coarser)
    return _make_generator(config, config.generator.prior.build(), of_level)


def _with_first_layers(
    network: keras.Model, layers: dict[str, keras.layers.Layer], sizes: dict[str, int]
) -> keras.Model:
    """The network behind layers of some of its inputs, which are of the `sizes` given."""
    if not layers:
        return network
    inputs = {
        name: keras.Input((sizes[name],) if name in layers else shape, name=name)
        for name, shape in input_shapes(network, LATENT).items()
    }
    values = {name: layers[name](x) if name in layers else x for name, x in inputs.items()}
    if isinstance(network.input, dict):
        return keras.Model(inputs, network(values), name=network.name)
    return keras.Model(*inputs.values(), network(*values.values()), name=network.name)


def _make_discriminator(config: Config, prior: Prior, spec: DataSpec) -> keras.Model:
    """The discriminator of examples as `spec` has them, in packs or of a class if asked."""
    section, classes = config.discriminator, len(spec.classes)
    options: dict[str, object] = {}
    inputs = {EXAMPLE: packed_shape(spec.shape, section.packing)} | dict(spec.conditions)
    if ENCODER in config.companions:
        inputs |= {name: (size,) for name, size in prior.sizes.items()}
        options["latents"] = tuple(prior.sizes)
    if spec.partly_labelled:
        options["class_start"] = spec.label_start
    if section.condition != UNCONDITIONAL or spec.partly_labelled:
        inputs[LABEL] = (classes,)
        options["condition"] = section.condition
    if heads := _heads(config, prior, spec):
        options["heads"] = heads
    return section.build(inputs, **options)


def _heads(config: Config, prior: Prior, spec: DataSpec) -> dict[str, int]:
    """Further outputs of the discriminator, with their sizes."""
    heads = {LOGITS: len(spec.classes)} if config.objective.classifies else {}
    codes = _codes_of(prior)
    for name, section in config.objective.terms.items():
        if section.takes_codes and not codes:
            raise ValueError(NO_CODES.format(f"objective.terms.{name}"))
        if CODE in section.build(codes=codes).reads:
            heads[CODE] = size_of(codes)
    return heads


NO_CODES = (
    "`{}` needs codes: name them by `generator.prior.codes`, of the parts of a prior `product`. "
    "Received: none"
)


@dataclasses.dataclass(frozen=True)
class Purpose:
    """What a companion is for.

    Args:
        outputs: of the prior, the size of each vector that it gives, by name; `None` for a layer of
            a model that stays as it is.
        trained_with: the player that it is trained with where nobody says; `None` for a frozen one.
        called: whether a term must call it, or nothing trains it.
        observes: whether it is given the observations of an example.
    """

    outputs: Callable[[Prior], dict[str, int]] | None
    trained_with: str | None
    called: bool = False
    observes: bool = False


def _codes_to_read(prior: Prior) -> dict[str, int]:
    if not prior.codes:
        raise ValueError(NO_CODES.format(f"companions.{CODE_READER}"))
    return {CODE: size_of(_codes_of(prior))}


def latents_to_encode(prior: Prior) -> dict[str, int]:
    """The sizes of a prior's latents by name, which an encoder says.

    Raises:
        ValueError: some of them are no numbers that can change a little.
    """
    if discrete := [name for name, part in prior.parts.items() if not part.continuous_mask.all()]:
        raise ValueError(
            "An encoder needs latents that are numbers: what it says of categories or bits would "
            "never be one of them. Received: generator.prior with "
            f"{', '.join(f'{prior.parts[name].name!r} for {name}' for name in discrete)}"
        )
    return dict(prior.sizes)


COMPANIONS = Registry(
    "companion",
    [
        (CODE_READER, Purpose(_codes_to_read, "discriminator", called=True)),
        (COMPARATOR, Purpose(None, None, called=True)),
        (ENCODER, Purpose(latents_to_encode, "generator", observes=True)),
    ],
)


def _codes_of(prior: Prior) -> dict[str, Prior]:
    """The parts of a prior that are codes, by name."""
    return {name: prior.parts[name] for name in prior.codes}


def _make_companions(config: Config, prior: Prior, data: StoredData) -> dict[str, Companion]:
    """The further networks of a run by name.

    Raises:
        ValueError: one is of no known purpose, or for what the prior has not, or a term calls one
            that there is not.
    """
    found, terms = {}, [each.build() for each in config.objective.terms.values()]
    for term in terms:
        for name in getattr(term, "calls", ()):
            if name not in config.companions:
                raise ValueError(
                    f"`companions.{name}` is needed by the term {term.name!r}, which calls it. "
                    f"Received: {', '.join(config.companions) or 'no companions'}"
                )
    for name, section in config.companions.items():
        purpose = COMPANIONS[name]
        if purpose.called and not any(name in getattr(term, "calls", ()) for term in terms):
            raise ValueError(
                f"`companions.{name}` must be called by a term of the objective, or nothing trains "
                'it (`objective.terms.mutual_information.reader = "apart"` does). Received: none'
            )
        if (section.network == Layer.name) != (purpose.outputs is None):
            which = "'layer'" if purpose.outputs is None else "a family of discriminators"
            raise ValueError(
                f"`companions.{name}.network` must be {which}. Received: {section.network!r}"
            )
        if purpose.outputs is None:
            if section.trained_with is not None:
                raise ValueError(
                    f"`companions.{name}.trained_with` must be left out, since a layer of a model "
                    f"stays as it is. Received: {section.trained_with!r}"
                )
            frozen = copy_network(data.network(name))
            found[name] = Companion(network=frozen, trained_with=None, gives=FEATURES)
            continue
        network = data.network(name, frozen=False)
        if network is None:
            inputs = {EXAMPLE: data.spec.shape}
            if purpose.observes:
                inputs |= data.spec.conditions
            network = reader(section.build, inputs, purpose.outputs(prior))
        found[name] = Companion(
            network=network, trained_with=section.trained_with or purpose.trained_with
        )
    return found


def _head(config: Config, spec: DataSpec) -> dict[str, object]:
    """How the generator must end for these data, for networks that can."""
    if not spec.blocks:
        return {}
    able = [n for n, each in GENERATORS.items() if "head" in inspect.signature(each).parameters]
    if config.generator.network not in able:
        raise ValueError(
            f"`generator.network` must be {' or '.join(map(repr, able))} for tables. "
            f"Received: {config.generator.network!r}"
        )
    return {"head": spec.blocks}


def _check_conditions(config: Config, spec: DataSpec) -> None:
    """Refuses classes that one player is told and the other does not look at."""
    told = config.generator.condition != UNCONDITIONAL
    seen = config.discriminator.condition != UNCONDITIONAL or config.objective.classifies
    if spec.partly_labelled and not told:
        raise ValueError(
            "`generator.condition` ('concatenation' or 'embedding') is needed for a table of which "
            f"some rows lack the label {spec.table.label!r}; or leave `data.label` out, and that "
            "column may be empty like any other. Received: generator.condition='none'"
        )
    # Whoever looks at a row that says its class looks at the class.
    if told == seen or (told and spec.label_start is not None):
        return
    if told:
        raise ValueError(
            "`generator.condition` needs a discriminator that looks at the class: set "
            "`--set discriminator.condition=projection`, or `--set "
            "'objective.terms.auxiliary_classifier={}'`. "
            f"Received: generator.condition={config.generator.condition!r} alone"
        )
    raise ValueError(
        "`generator.condition` ('concatenation', 'embedding' or 'batch_norm') is needed where the "
        "discriminator looks at the class. Received: generator.condition='none' with "
        f"discriminator.condition={config.discriminator.condition!r}"
    )


# Cadences of settings that are left out: steps between two times in a run that is long enough; how
# many times a shorter run gets, as far as it has steps; and a longer one at most.
USUAL = {
    "log_every": (50, 50, math.inf),
    "checkpoint_every": (500, 5, math.inf),
    "sample_every": (500, 4, 100),
    "evaluate_every": (1000, 2, 50),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cadences:
    """Steps between two times of everything that happens along a training.

    Args:
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
    found, notes = {}, []
    for name, (every, least, most) in USUAL.items():
        given = getattr(training, name)
        fitting = max(min(every, math.ceil(steps / least)), math.ceil(steps / most), 1)
        if given is not None and given > steps:
            notes.append(
                f"`training.{name}` is {given:,}, more than the {steps:,} steps of this run; it is "
                f"taken as {fitting:,}"
            )
        found[name.removesuffix("_every")] = fitting if given is None or given > steps else given
    samples = math.ceil(evaluation.samples * min(1.0, steps / WHOLE))
    # Nearest neighbours are looked for among the samples.
    samples = min(evaluation.samples, max(samples, FEWEST_SAMPLES, evaluation.neighbours + 1))
    return Cadences(**found, samples=samples, notes=tuple(notes))
