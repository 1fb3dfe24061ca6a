"""The configuration of a run: validated data, saved with the run as TOML."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import keras
import pydantic

from ganapp.config.members import FAMILIES, MemberSection, Options, Section, as_table, scheduled
from ganapp.models import rules
from ganapp.models.networks.inputs import DISCRIMINATOR_CONDITIONS, GENERATOR_CONDITIONS
from ganapp.models.networks.keras_file import OWN_CONDITION
from ganapp.runs import Json
from ganapp.training.data import Source
from ganapp.training.data.cache import cache_folder
from ganapp.training.data.features import FeatureSource
from ganapp.training.data.labels import with_clusters, with_share_of_labels
from ganapp.training.data.levels import at_level
from ganapp.training.data.mirrored import with_mirror_images
from ganapp.training.evaluation.features.layer import Layer, standardised
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.objectives import Objective
from ganapp.training.optimizers import OptimizerConfig
from ganapp.training.priors import Prior

Positive = Annotated[int, pydantic.Field(ge=1, lt=2**31)]
Weight = Annotated[float, pydantic.Field(ge=0)]
Fraction = Annotated[float, pydantic.Field(ge=0, le=1)]
Share = Annotated[float, pydantic.Field(gt=0, le=1)]
Seed = Annotated[int, pydantic.Field(ge=0, lt=2**31)]
Rate = Annotated[float, pydantic.Field(gt=0)]
# Tables of members beside the objective: the family, and what was its table before.
EXTENSIONS = {"terms": "term", "augmentations": "augmentation", "weightings": "weighting"}
FORMER = {"penalties": ("terms",), "stabilisers": ("terms", "augmentations", "weightings")}
STANDARDISED = 2000  # training examples that features are standardised by
PAPER_TABLES = (*EXTENSIONS, "constraint")  # of `objective`, its paper's if left out


class TermConfig(MemberSection):
    """A term's weight, a number or a table with start, end and shape, its interval and options."""

    FAMILY = "term"
    LEAVE = ("codes",)  # the prior decides
    name: str = pydantic.Field(exclude=True)

    @property
    def takes_codes(self) -> bool:
        """Whether it is about the codes of the prior."""
        return "codes" in FAMILIES[self.FAMILY][self.member].__dataclass_fields__

    def build(self, *args: object, codes: Mapping[str, Prior] | None = None, **kwargs: object):
        """Calls the member with its options, and with the codes of the prior where it takes any."""
        if self.takes_codes:
            kwargs["codes"] = dict(codes or {})
        return super().build(*args, **kwargs)


class AugmentationConfig(MemberSection):
    """The options of an augmentation."""

    FAMILY = "augmentation"
    name: str = pydantic.Field(exclude=True)


class WeightingConfig(MemberSection):
    """The options of a weighting."""

    FAMILY = "weighting"
    name: str = pydantic.Field(exclude=True)


class OptimizerSection(Section):
    """Which Keras optimizer; further keys are its own arguments (`beta_1`, `clipnorm`, ...)."""

    model_config = pydantic.ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, bool | float | None]
    FAMILY: ClassVar[str] = "optimizer"
    MEMBER: ClassVar[str] = "name"
    name: str
    learning_rate: scheduled(Rate)
    # The only one of Keras's arguments that must stay a whole number.
    gradient_accumulation_steps: Annotated[int, pydantic.Field(ge=2, lt=2**31)] | None = None

    @pydantic.model_validator(mode="after")
    def _check_options(self) -> Self:
        OptimizerConfig(name=self.name, options=self.options)
        return self

    @property
    def options(self) -> Options:
        """Arguments of the Keras optimizer beside its learning rate."""
        steps = self.gradient_accumulation_steps
        accumulated = {} if steps is None else {"gradient_accumulation_steps": steps}
        return {**(self.__pydantic_extra__ or {}), **accumulated}

    def build(self) -> OptimizerConfig:
        """The plain object."""
        rate = self.learning_rate
        rate = rate if isinstance(rate, float) else rate.anneal()
        return OptimizerConfig(name=self.name, learning_rate=rate, options=self.options)


class PriorConfig(MemberSection):
    """The distribution of latents."""

    FAMILY = "prior"
    name: str = "normal"


class LayerConfig(MemberSection):
    """A layer of a Keras model; see `ganapp.training.evaluation.features.layer.Layer`."""

    FAMILY = "companion"

    @property
    def member(self) -> str:
        """Name of the only member that this may be."""
        return Layer.name


class DataConfig(MemberSection):
    """Where examples come from, and which classes the networks may know.

    `labelled` is the share of the training labels that is known, all if left out; `labelled_seed`
    chooses which. `clusters` makes that many classes of examples that are alike. `mirror` adds each
    training image with left and right exchanged, see `ganapp.training.data.mirrored`. `level` takes
    images so many times halved, and `coarser` gives each the next level's as an observation
    `coarse`, in training with normal noise of the deviation `coarse_noise` where pixels are -1 to
    1, see `ganapp.training.data.levels`. `features` gives each what a layer of a network
    says of it as an observation `features`, each channel standardised.
    """

    FAMILY, MEMBER = "data", "source"
    source: str
    labelled: Share | None = None
    labelled_seed: Seed | None = None
    clusters: Annotated[int, pydantic.Field(ge=2, lt=2**31)] | None = None
    mirror: bool = False
    level: Annotated[int, pydantic.Field(ge=0, le=16)] = 0
    coarser: bool = False
    coarse_noise: Weight = 0.0
    features: LayerConfig | None = None

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

    @property
    def networks(self) -> Path:
        """Where classifiers of these data are kept, those of the evaluation too."""
        return self.cache / "evaluation"

    def build(self, network: keras.Model | None = None) -> Source:
        """The source with its options, and with the labels that the networks may know.

        Args:
            network: that makes the features, where a run has kept it; else it is made.
        """
        source = super().build()
        if self.clusters is not None:
            source = with_clusters(source, self.clusters, cache=self.cache)
        if self.labelled is not None:
            source = with_share_of_labels(source, self.labelled, seed=self.labelled_seed or 0)
        source = with_mirror_images(source, self.mirror)
        source = at_level(source, self.level, coarse=self.coarser, noise=self.coarse_noise)
        if self.features is None:
            return source
        layer = self.features.build()
        if network is None:
            network = layer.network(source, folder=self.networks, key="data.features")
            images, _ = source.training_examples(STANDARDISED)
            network = standardised(network, source.spec.to_model_units(images))
        return FeatureSource(source, network, f"`data.features`: {layer.note}")


class NetworkSection(MemberSection):
    """A network, and how it is given the class: one from a file in its own way, if at all.

    `frozen` are patterns of names of layers that are not trained, see `ganapp.models.frozen`.
    """

    frozen: list[str] | None = None

    @pydantic.model_validator(mode="after")
    def _check_condition(self) -> Self:
        own = "file" in self.options
        if self.condition != "none" and own != (self.condition == OWN_CONDITION):
            raise ValueError(
                f"`condition` must be 'none' or {OWN_CONDITION!r} for a network from a file, and "
                f"is {OWN_CONDITION!r} for no other. Received: condition={self.condition!r} with "
                f"network={self.network!r}"
            )
        return self


class GeneratorConfig(NetworkSection):
    """The generator, its latents, how it is given the class, and its optimizer."""

    FAMILY, MEMBER = "generator", "network"
    LEAVE = ("head", "condition", "class_start")  # the data decide
    network: str
    condition: Literal["none", *GENERATOR_CONDITIONS, OWN_CONDITION] = "none"
    prior: PriorConfig = PriorConfig()
    optimizer: OptimizerSection


class DiscriminatorConfig(NetworkSection):
    """The discriminator, how it is given the class, its packs, and its optimizer."""

    FAMILY, MEMBER = "discriminator", "network"
    LEAVE = ("heads", "latents", "condition", "class_start")  # the data and the objective decide
    network: str
    condition: Literal[*DISCRIMINATOR_CONDITIONS, OWN_CONDITION] = "none"
    packing: Positive = 1
    optimizer: OptimizerSection


class CompanionConfig(MemberSection):
    """A further network of the run, by what it is for, such as an `encoder`.

    `network` is a family of discriminators, whose body it has, or a `layer` of a model.
    `trained_with` left out is what its purpose says, see `ganapp.runner.experiment.COMPANIONS`.
    """

    FAMILY, MEMBER = "companion", "network"
    LEAVE = ("heads", "latents", "condition", "class_start")  # its purpose decides
    network: str
    trained_with: Literal["generator", "discriminator"] | None = None


class ConstraintConfig(MemberSection):
    """The constraint on the discriminator's weights."""

    FAMILY = "constraint"
    name: str = "none"


class ObjectiveConfig(MemberSection):
    """Losses, what extends them, and constraint; what is left out is the objective's own."""

    FAMILY = "objective"
    LEAVE = (
        "discriminator_steps",
        *EXTENSIONS,
        "constraint",
        "generator_optimizer",
        "discriminator_optimizer",
    )
    name: str
    discriminator_steps: Positive
    terms: dict[str, TermConfig]
    augmentations: dict[str, AugmentationConfig]
    weightings: dict[str, WeightingConfig]
    constraint: ConstraintConfig

    @pydantic.field_validator(*EXTENSIONS, mode="before")
    @classmethod
    def _named_by_their_keys(cls, tables: object) -> object:
        if not isinstance(tables, dict):
            return tables
        return {
            name: {**table, "name": name} if isinstance(table, dict) else table
            for name, table in tables.items()
        }

    def extended(
        self,
        *,
        updates: int = 1,
        codes: Mapping[str, Prior] | None = None,
        **optimizers: OptimizerConfig,
    ) -> Objective:
        """The objective with its steps, constraint and extensions, annealed over the updates."""
        extensions = {
            table: tuple(
                each.build(updates=updates, **({"codes": codes} if table == "terms" else {}))
                for each in getattr(self, table).values()
            )
            for table in EXTENSIONS
        }
        steps, constraint = self.discriminator_steps, self.constraint.build()
        return self.build(
            discriminator_steps=steps, constraint=constraint, **extensions, **optimizers
        )

    @property
    def classifies(self) -> bool:
        """Whether a term needs a class head in the discriminator."""
        return any(FAMILIES["term"][name].classifies for name in self.terms)


class TrainingConfig(Section):
    """How long, how fast, how exactly. All `*_every` count generator steps.

    `*_every` left out goes by the length of the run, see `ganapp.runner.experiment`.
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


class FeaturesConfig(MemberSection):
    """The feature space in which samples are compared with real data."""

    FAMILY = "features"
    name: str = "pca"


class EvaluationConfig(Section):
    """How the run is evaluated; `metric` chooses the best checkpoint.

    `figures` are those that a report holds on request only; `features` may be a name or a table;
    `baselines` are fitted for the report.
    """

    samples: Annotated[int, pydantic.Field(ge=50)] = 2500
    reference: Literal["all", "train"] = "all"
    neighbours: Positive = 5
    components: Positive = 32
    baseline_components: Positive = 10
    features: FeaturesConfig = FeaturesConfig()
    figures: list[str] = []
    baselines: list[str] = ["mixture"]
    metric: str = "frechet_distance"
    seed: Seed = 0

    @pydantic.field_validator("features", mode="before")
    @classmethod
    def _a_name_is_a_table(cls, given: object) -> object:
        return {"name": given} if isinstance(given, str) else given

    @pydantic.field_validator("metric")
    @classmethod
    def _known_metric(cls, metric: str) -> str:
        return _known("metric", metric, choosing_figures())

    @pydantic.field_validator("figures")
    @classmethod
    def _known_figures(cls, figures: list[str]) -> list[str]:
        return [_known("figures", figure, METRICS.figures) for figure in figures]


def choosing_figures() -> list[str]:
    """Keys of the figures that may choose the best checkpoint."""
    return [
        key
        for metric in METRICS
        for key, figure in metric.figures.items()
        if figure.better in ("higher", "lower") and metric.needs is None
    ]


def _known(field: str, name: str, names: Collection[str]) -> str:
    if name not in names:
        raise ValueError(f"`{field}` must be among {', '.join(sorted(names))}. Received: {name!r}")
    return name


class ScriptConfig(Section):
    """What the tables of a run cannot say that was trained by a script.

    `unknown` names what is no member of a registry: objectives, terms, schedules of the script's
    own. `resume` then is to run the script again.
    """

    unknown: list[str] = []


class FineTuning(Section):
    """How long the levels of a pyramid are trained on together, each upon what the next makes."""

    epochs: Annotated[int, pydantic.Field(ge=0)] = 0


class Config(Section):
    """Everything that decides a run.

    With `levels` the run is a pyramid of images: each of its tables, "0" for the finest, says what
    is different at that level, see `ganapp.config.loading.level_config`.
    """

    data: DataConfig
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig
    objective: ObjectiveConfig
    companions: dict[str, CompanionConfig] = {}
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    levels: dict[str, dict[str, Any]] = {}
    fine_tuning: FineTuning = FineTuning()
    script: ScriptConfig | None = None

    @pydantic.field_validator("levels")
    @classmethod
    def _numbered(cls, levels: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if levels and (len(levels) < 2 or set(levels) != set(map(str, range(len(levels))))):
            raise ValueError(
                "`levels` must hold at least two tables, numbered from 0, the finest. "
                f"Received: {', '.join(levels)}"
            )
        return levels

    @pydantic.model_validator(mode="before")
    @classmethod
    def _fill_in_objective(cls, raw: object) -> object:
        return with_objective_defaults(raw)

    @pydantic.model_validator(mode="after")
    def _check_combination(self) -> Self:
        if self.levels and self.data.features:
            raise ValueError(
                "`data.features` must be left out of a pyramid: its levels observe the next one's "
                f"image. Received: {len(self.levels)} levels and {self.data.features.build()}"
            )
        rules.refuse(self.combination(None))
        if self.data.coarse_noise and not (self.data.coarser or self.levels):
            raise ValueError(
                "`data.coarse_noise` is on the observation `coarse`, which a pyramid's levels have "
                f"and else `data.coarser=true` gives. Received: {self.data.coarse_noise:g} without"
            )
        if self.levels and rules.ENCODER in self.companions:
            raise ValueError(
                "`companions.encoder` is for one generator, and a pyramid has one at each of its "
                "`levels`: leave one of the two out (`python -m ganapp encode` trains an encoder "
                f"of the whole afterwards). Received: {len(self.levels)} levels"
            )
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

    def combination(self, kind: str | None) -> rules.Combination:
        """What the rules on combinations look at; `kind` of the data, once it is known."""
        discriminator, condition = self.discriminator, self.generator.condition
        network = FAMILIES["discriminator"][discriminator.network]
        comparison = discriminator.options.get("minibatch", "none")
        conditions = {condition, discriminator.condition}
        untold = self.data.clusters and conditions == {"none"} and not self.objective.classifies
        return rules.Combination(
            configured=True,
            objective=self.objective.extended(),
            discriminator=discriminator.network,
            batch_layers=("batch",) * (discriminator.options.get("normalisation") == "batch"),
            comparing_layers=() if comparison == "none" else (comparison,),
            reconstructs=getattr(network, "reconstructs", False),
            judged_latents="companions.encoder" if rules.ENCODER in self.companions else "",
            packing=discriminator.packing,
            batch_size=self.training.batch_size,
            told_classes="" if condition == "none" else f"generator.condition={condition!r}",
            untold_classes=f"clusters={self.data.clusters} alone" if untold else "",
            kind=kind,
            data=f"data.source={self.data.source!r}, which holds no images",
        )


def with_objective_defaults(raw: object) -> object:
    """The tables with what the objective's paper says filled in where the user is silent.

    An optimizer or constraint without a name is the paper's, a term, augmentation or weighting of
    the paper's name has the paper's options: such a table changes what it mentions.
    Malformed input is returned as it is, for validation to complain about.
    """
    objective = raw.get("objective") if isinstance(raw, dict) else None
    if not isinstance(objective, dict):
        return raw
    refuse_former(objective)
    if not isinstance(objective.get("name"), str):
        return raw
    paper = FAMILIES["objective"][objective["name"]]()
    defaults = {
        "discriminator_steps": paper.discriminator_steps,
        "constraint": as_table(paper.constraint),
        **{t: {p.name: dataclasses.asdict(p) for p in getattr(paper, t)} for t in EXTENSIONS},
    }
    given = {
        key: _merged(defaults[key], objective[key], key) for key in PAPER_TABLES if key in objective
    }
    filled = {**raw, "objective": {**defaults, **objective, **given}}
    for part in ("generator", "discriminator"):
        section = raw.get(part)
        optimizer = section.get("optimizer", {}) if isinstance(section, dict) else None
        if isinstance(optimizer, dict):
            if isinstance(optimizer.get("name"), str):
                FAMILIES["optimizer"][optimizer["name"]]  # unknown: said before what is missing
            theirs = getattr(paper, f"{part}_optimizer")
            table = {"name": theirs.name, "learning_rate": theirs.learning_rate, **theirs.options}
            filled[part] = {**section, "optimizer": _of_paper(table, optimizer)}
    return filled


def _of_paper(paper: Options, given: Options) -> Options:
    """The paper's member with what the user changes; another member as it is."""
    return {**paper, **given} if given.get("name", paper["name"]) == paper["name"] else given


def _merged(paper: Options, given: object, key: str) -> object:
    """What the user says of terms and the like or of the constraint, beside what the paper says."""
    if not isinstance(given, dict):
        return given
    if key == "constraint":
        return _of_paper(paper, given)
    return {
        name: {**paper.get(name, {}), **table} if isinstance(table, dict) else table
        for name, table in given.items()
    }


class EvaluatedData(Section):
    """Real data, and how samples are compared with them, where nothing is trained."""

    data: DataConfig
    evaluation: EvaluationConfig = EvaluationConfig()


class BaselineConfig(MemberSection):
    """A baseline and its options."""

    FAMILY = "baseline"
    name: str


class BaselineRun(EvaluatedData):
    """A baseline, its data, and how its samples are evaluated."""

    baseline: BaselineConfig


def refuse_former(objective: Json) -> None:
    """Refuses members of the objective in a table that is not theirs, or not theirs any more.

    Raises:
        ValueError: naming the key of today.
    """
    sentences = []
    for table in FORMER.keys() & objective.keys():
        tables = [f"`objective.{name}`" for name in FORMER[table]]
        sentences += [
            f"`objective.{table}.{name}` is now `objective.{now}.{name}`."
            for name in _members(objective, table)
            if (now := _table_of(name, FORMER[table]))
        ] or [f"`objective.{table}` is now {_listed(tables)}."]
    for table in EXTENSIONS.keys() & objective.keys():
        sentences += [
            f"`{name}` is no {EXTENSIONS[table]}: write `objective.{right}.{name}`."
            for name in _members(objective, table)
            if (right := _table_of(name, EXTENSIONS)) not in (None, table)
        ]
    if sentences:
        raise ValueError(" ".join(sorted(sentences)))


def with_current_names(raw: Json) -> Json:
    """The resolved tables of a run, also of one that was started under the former names."""
    objective = raw.get("objective")
    if not isinstance(objective, dict) or not FORMER.keys() & objective.keys():
        return raw
    current = {key: value for key, value in objective.items() if key not in FORMER}
    for table, nows in FORMER.items():  # penalties first, as they drew their numbers
        for name, options in _members(objective, table).items():
            current.setdefault(_table_of(name, nows) or nows[0], {})[name] = options
    return {**raw, "objective": {key: {} for key in EXTENSIONS} | current}


def _members(objective: Json, table: str) -> Json:
    members = objective.get(table)
    return members if isinstance(members, dict) else {}  # validation says what else is wrong


def _table_of(name: str, tables: Sequence[str]) -> str | None:
    return next((table for table in tables if name in FAMILIES[EXTENSIONS[table]]), None)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
