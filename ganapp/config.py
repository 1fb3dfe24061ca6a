"""The configuration of a run: validated data, saved with the run as TOML."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic

from ganapp import plugins
from ganapp.combinations import refuse
from ganapp.evaluation_config import EvaluationConfig
from ganapp.models.conditions import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from ganapp.scheduled import scheduled
from ganapp.section import Fraction, PluginSection, Positive, Rate, Section, Seed, Share, Weight
from ganapp.training.data import Source
from ganapp.training.data.cache import cache_folder
from ganapp.training.data.labels import with_clusters, with_share_of_labels
from ganapp.training.optimizers import OptimizerConfig

PAPER_TABLES = ("penalties", "constraint", "stabilisers")  # of `objective`, its paper's if left out


class PenaltyConfig(PluginSection):
    """A penalty's weight, a number or a table with start, end and shape, and its options."""

    FAMILY = "penalty"
    name: str = pydantic.Field(exclude=True)


class StabiliserConfig(PluginSection):
    """The options of a stabiliser."""

    FAMILY = "stabiliser"
    name: str = pydantic.Field(exclude=True)

    @property
    def classifies(self) -> bool:
        """Whether it needs labels, and a class head in the discriminator."""
        return plugins.FAMILIES[self.FAMILY][self.member].classifies


class OptimizerSection(Section):
    """Which Keras optimizer; further keys are its own arguments (`beta_1`, `clipnorm`, ...)."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, bool | float | None]
    name: str
    learning_rate: scheduled(Rate)
    # The only one of Keras's arguments that must stay a whole number.
    gradient_accumulation_steps: Annotated[int, pydantic.Field(ge=2, lt=2**31)] | None = None

    @pydantic.model_validator(mode="after")
    def _check_options(self) -> Self:
        OptimizerConfig(name=self.name, options=self.options)
        return self

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of the Keras optimizer beside its learning rate."""
        steps = self.gradient_accumulation_steps
        accumulated = {} if steps is None else {"gradient_accumulation_steps": steps}
        return {**(self.__pydantic_extra__ or {}), **accumulated}


class PriorConfig(PluginSection):
    """The distribution of latents."""

    FAMILY = "prior"
    name: str = "normal"


class DataConfig(PluginSection):
    """Where examples come from, and which classes the networks may be told.

    `labelled` is the share of the training labels that is known, all if left out; `labelled_seed`
    chooses which. `clusters` makes that many classes of examples that are alike.
    """

    FAMILY, MEMBER = "data", "source"
    source: str
    labelled: Share | None = None
    labelled_seed: Seed | None = None
    clusters: Annotated[int, pydantic.Field(ge=2, lt=2**31)] | None = None

    @pydantic.model_validator(mode="after")
    def _check_labelled(self) -> Self:
        if self.labelled is None and self.labelled_seed is not None:
            raise ValueError(
                "`labelled_seed` chooses the labels that `labelled` keeps, which is needed beside "
                f"it. Received: labelled_seed={self.labelled_seed} alone"
            )
        if self.labelled is not None and self.clusters is not None:
            raise ValueError(
                "`clusters` takes the place of labels, so `labelled` must be left out beside it. "
                f"Received: labelled={self.labelled:g} and clusters={self.clusters}"
            )
        return self

    @property
    def cache(self) -> Path:
        """Where what is prepared once from these data is kept."""
        return cache_folder(self.options.get("cache_dir") or "")

    def build(self) -> Source:
        """The source with its options, and with the labels that the networks may know."""
        source = super().build()
        if self.clusters is not None:
            return with_clusters(source, self.clusters, cache=self.cache)
        if self.labelled is None:
            return source
        return with_share_of_labels(source, self.labelled, seed=self.labelled_seed or 0)


class GeneratorConfig(PluginSection):
    """The generator, its latents, how it is told the class, and its optimizer."""

    FAMILY, MEMBER = "generator", "network"
    LEAVE = ("head",)  # the data decide
    network: str
    condition: Literal["none", *GENERATOR_CONDITIONS] = "none"
    prior: PriorConfig = PriorConfig()
    optimizer: OptimizerSection


class DiscriminatorConfig(PluginSection):
    """The discriminator, how it is told the class, its packs, and its optimizer."""

    FAMILY, MEMBER = "discriminator", "network"
    network: str
    condition: Literal["none", *DISCRIMINATOR_CONDITIONS] = "none"
    packing: Positive = 1
    optimizer: OptimizerSection


class ConstraintConfig(PluginSection):
    """The constraint on the discriminator's weights."""

    FAMILY = "constraint"
    name: str = "none"


class ObjectiveConfig(PluginSection):
    """Losses, penalties and constraint; what is left out is the objective's own."""

    FAMILY = "objective"
    LEAVE = (
        "discriminator_steps",
        "penalties",
        "constraint",
        "stabilisers",
        "generator_optimizer",
        "discriminator_optimizer",
    )
    name: str
    discriminator_steps: Positive
    penalties: dict[str, PenaltyConfig]
    constraint: ConstraintConfig
    stabilisers: dict[str, StabiliserConfig]

    @pydantic.field_validator("penalties", "stabilisers", mode="before")
    @classmethod
    def _named_by_their_keys(cls, tables: Any) -> Any:
        if not isinstance(tables, dict):
            return tables
        return {
            name: {**table, "name": name} if isinstance(table, dict) else table
            for name, table in tables.items()
        }


class TrainingConfig(Section):
    """How long, how fast, how exactly. All `*_every` count generator steps.

    `*_every` left out goes by the length of the run, see `ganapp.runner.cadences`.
    `steps_per_epoch` left out means one pass over the data. `replicas` 0 means every GPU of this
    machine, or one CPU; above 0 on a machine without GPUs it means that many logical CPU devices.
    `ema_half_life` is in images, 0 switches the average off.
    """

    epochs: Positive = 100
    steps_per_epoch: Positive | None = None
    batch_size: Positive = 64
    seed: Seed = 0
    deterministic: bool = False
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    steps_per_execution: Positive = 1
    jit_compile: bool = False
    replicas: Annotated[int, pydantic.Field(ge=0)] = 0
    ema_half_life: Weight = 10_000.0
    ema_warm_up: Fraction = 0.05
    log_every: Positive | None = None
    checkpoint_every: Positive | None = None
    sample_every: Positive | None = None
    evaluate_every: Positive | None = None
    keep_checkpoints: Positive = 3


class Config(Section):
    """Everything that decides a run."""

    data: DataConfig
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    objective: ObjectiveConfig
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _fill_in_objective(cls, raw: Any) -> Any:
        return with_objective_defaults(raw)

    @pydantic.model_validator(mode="after")
    def _check_combination(self) -> Self:
        refuse(self)
        steps, execution = self.training.steps_per_epoch, self.training.steps_per_execution
        if steps and steps % execution:
            raise ValueError(
                "`training.steps_per_epoch` must be a multiple of `training.steps_per_execution`. "
                f"Received: {steps} and {execution}"
            )
        if self.evaluation.neighbours >= self.evaluation.samples:
            raise ValueError(
                "`evaluation.neighbours` must be less than `evaluation.samples`. "
                f"Received: {self.evaluation.neighbours} and {self.evaluation.samples}"
            )
        if self.training.jit_compile and self.training.deterministic:
            raise ValueError(
                "`training.jit_compile` must be false when `training.deterministic` is true: XLA "
                "does not promise the same bits. Received: true for both"
            )
        return self


def with_objective_defaults(raw: Any) -> Any:
    """The tables with what the objective's paper says filled in where the user is silent.

    An optimizer or constraint without a name is the paper's, a penalty or stabiliser of the
    paper's name has the paper's options: such a table changes what it mentions.
    Malformed input is returned as it is, for validation to complain about.
    """
    objective = raw.get("objective") if isinstance(raw, dict) else None
    if not isinstance(objective, dict) or not isinstance(objective.get("name"), str):
        return raw
    paper = plugins.FAMILIES["objective"][objective["name"]]()
    defaults = {
        "discriminator_steps": paper.discriminator_steps,
        "constraint": plugins.as_table(paper.constraint),
        "penalties": {p.name: dataclasses.asdict(p) for p in paper.penalties},
        "stabilisers": {p.name: dataclasses.asdict(p) for p in paper.stabilisers},
    }
    given = {
        key: _merged(defaults[key], objective[key], key) for key in PAPER_TABLES if key in objective
    }
    filled = {**raw, "objective": {**defaults, **objective, **given}}
    for part in ("generator", "discriminator"):
        section = raw.get(part)
        if isinstance(section, dict) and isinstance(section.get("optimizer", {}), dict):
            theirs = getattr(paper, f"{part}_optimizer")
            optimizer = _merged_optimizer(theirs, section.get("optimizer", {}))
            filled[part] = {**section, "optimizer": optimizer}
    return filled


def _merged(paper: dict[str, Any], given: Any, key: str) -> Any:
    """What the user says of penalties, stabilisers or constraint, beside what the paper says."""
    if not isinstance(given, dict):
        return given
    if key == "constraint":
        return {**paper, **given} if given.get("name", paper["name"]) == paper["name"] else given
    return {
        name: {**paper.get(name, {}), **table} if isinstance(table, dict) else table
        for name, table in given.items()
    }


def _merged_optimizer(paper: OptimizerConfig, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("name", paper.name) != paper.name:
        if isinstance(given["name"], str):
            plugins.FAMILIES["optimizer"][given["name"]]  # unknown: said before what is missing
        return given
    table = {"name": paper.name, "learning_rate": paper.learning_rate, **paper.options}
    return {**table, **given}
