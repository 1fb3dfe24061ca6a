"""Combinations that theory forbids or advises against: one rule, one sentence.

Two doors lead here. The configuration of the command line is checked before anything is built, and
`GAN.compile` checks the objects themselves; both describe what they have as a `Combination`, and a
rule says what to do in the words of the door.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from ganapp.models.companions import ENCODER
from ganapp.models.contracts import Objective, Term


class CombinationWarning(UserWarning):
    """Something that may work, but is known to fail often."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Combination:
    """Everything the rules look at. What is not known (yet) breaks no rule."""

    objective: Objective | None = None
    # Described by a configuration, not by Python objects: sentences then name settings.
    configured: bool = False
    # The discriminator: its name, its layers that normalise a batch together, that compare the
    # examples of a batch, and that divide their weights by the norm before `compile`.
    discriminator: str = ""
    batch_layers: tuple[str, ...] = ()
    comparing_layers: tuple[str, ...] = ()
    divided_layers: tuple[str, ...] = ()
    # Its score is minus the error of a reconstruction.
    reconstructs: bool = False
    # The activation of its last layer, if that bounds the score; the network whose scores seem to
    # be squashed, where no activation can be seen.
    score_activation: str | None = None
    squashed_scores: str = ""
    # Latents that the discriminator judges beside the example.
    judged_latents: str = ""
    observed: bool = True  # whether the generator observes something of each row
    packing: int = 1
    # Of one discriminator update, on all replicas.
    batch_size: int | None = None
    # How the generator is told classes; those of them that no part of the discriminator sees;
    # those that were made and nobody is told.
    told_classes: str = ""
    unheeded_classes: str = ""
    untold_classes: str = ""
    # Of the data: "image", "vector" or "video", and a few words about them.
    kind: str | None = None
    data: str = ""

    @property
    def terms(self) -> tuple[Term, ...]:
        return () if self.objective is None else self.objective.terms

    @property
    def gradient_penalties(self) -> str:
        """Names of the terms on the gradient of each example's own score."""
        return ", ".join(each.name for each in self.terms if each.per_example_gradient)

    @property
    def adapts_by_sign(self) -> bool:
        """Whether an augmentation takes scores above 0 for real ones."""
        augmentations = () if self.objective is None else self.objective.augmentations
        return any(each.by_score_sign for each in augmentations)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """A combination that is refused, or warned about.

    Args:
        broken: what came, for the end of the sentence, if the rule is broken.
        setting: what to do, to whom writes a configuration.
        argument: the same to whom writes Python.
        reason: the rest of the sentence.
        remedy: its end where that, too, depends on who reads it: in a configuration, in Python.
        fatal: refuse rather than warn.
        kinds: of data, for which the rule holds.
    """

    broken: Callable[[Combination], str | None]
    setting: str
    argument: str
    reason: str = ""
    remedy: tuple[str, str] = ("", "")
    fatal: bool = True
    kinds: tuple[str, ...] = ("image", "vector", "video")

    def complaint(self, combination: Combination) -> str | None:
        """The sentence, or `None` if the rule is kept."""
        if combination.kind is not None and combination.kind not in self.kinds:
            return None
        received = self.broken(combination)
        demand = self.setting if combination.configured else self.argument
        remedy = self.remedy[not combination.configured]
        sentence = " ".join(part for part in (demand, self.reason, remedy) if part)
        return f"{sentence} Received: {received}" if received else None


def refuse(combination: Combination) -> None:
    """Refuses what cannot work.

    Raises:
        ValueError: with the sentence of the first rule that is broken.
    """
    for rule in RULES:
        if rule.fatal and (complaint := rule.complaint(combination)):
            raise ValueError(complaint)


def advice(combination: Combination) -> list[str]:
    complaints = [rule.complaint(combination) for rule in RULES if not rule.fatal]
    return [each for each in complaints if each]


def _both(first: str, second: str) -> str | None:
    return f"{first} with {second}" if first and second else None


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(map(repr, names))


def _lazy(given: Combination) -> str:
    lazy = [each for each in given.terms if each.interval > 1]
    return ", ".join(each.name for each in lazy if "discriminator" in each.players)


def _adaptive_to_energies(given: Combination) -> str | None:
    if not given.adapts_by_sign:
        return None
    if given.objective.energy:
        return f"{given.objective.name!r}"
    return f"{given.discriminator!r}" if given.reconstructs else None


def _adaptive_to_unsigned_scores(given: Combination) -> str | None:
    unsigned = given.adapts_by_sign and not given.objective.score_sign_means_real
    return f"{given.objective.name!r}" if unsigned else None


def _clipped_and_penalised(given: Combination) -> str | None:
    if not given.gradient_penalties or not given.objective.constraint.replaces_gradient_penalties:
        return None
    return f"{given.objective.constraint.name!r} with {given.gradient_penalties}"


def _constrained_twice(given: Combination) -> str | None:
    constraint = None if given.objective is None else given.objective.constraint.name
    if constraint in (None, "none"):
        return None
    return _both(_quoted(given.divided_layers), repr(constraint))


def _energy_and_autoencoder(energy: bool) -> Callable[[Combination], str | None]:
    """Finds an objective with an energy or without, and a network that makes the other."""

    def broken(given: Combination) -> str | None:
        if given.objective is None or given.objective.energy != energy:
            return None
        if given.reconstructs == energy:
            return None
        name = repr(given.objective.name)
        return f"{given.discriminator!r} with {name}" if energy else name

    return broken


def _images_only(given: Combination) -> str | None:
    members = () if given.objective is None else given.objective.extensions
    names = ", ".join(each.name for each in members if each.images_only)
    return f"{names} with {given.data}" if names and given.kind not in (None, "image") else None


def _odd_packs(given: Combination) -> str | None:
    if given.batch_size is None or given.batch_size % given.packing == 0:
        return None
    return f"{given.batch_size} with packing={given.packing}"


def _unpaired(given: Combination) -> str | None:
    if given.observed:
        return None
    return ", ".join(each.name for each in given.terms if getattr(each, "paired", False))


def _packed_codes(given: Combination) -> str | None:
    reading = [each.name for each in given.terms if hasattr(each, "codes")]
    return (
        f"packing={given.packing} with {', '.join(reading)}"
        if reading and given.packing > 1
        else None
    )


def _codes_of_another_reader(given: Combination) -> str | None:
    """A term on what is read of codes, and no reader that learns what generated examples say."""
    readers = {each.name: each.reader for each in given.terms if hasattr(each, "codes")}
    if not readers or set(readers.values()) == {readers.get("mutual_information")}:
        return None
    return ", ".join(f"{name} with reader {reader!r}" for name, reader in readers.items())


def _no_game_of_pairs(given: Combination) -> str | None:
    if not given.judged_latents or given.objective is None:
        return None
    scores = tf.zeros((1,))
    loss = getattr(given.objective, "encoder_loss", lambda real, fake: None)(scores, scores)
    return f"{given.objective.name!r} with {given.judged_latents}" if loss is None else None


CODE_OUTPUT = "code"  # of a discriminator whose features are read


def _told_its_code(given: Combination) -> str | None:
    told = [term.name for term in given.terms if CODE_OUTPUT in getattr(term, "reads", ())]
    return (
        f"{', '.join(told)} with {given.judged_latents}" if told and given.judged_latents else None
    )


RULES = (
    Rule(
        broken=_told_its_code,
        setting='`objective.terms.mutual_information.reader` must be "apart"',
        argument='`reader` of `MutualInformation` must be "apart"',
        reason="where the discriminator judges latents: it is told the code, and a head on its "
        "features would read its own input.",
    ),
    Rule(
        broken=_no_game_of_pairs,
        setting=f"`objective.name` must be another where `companions.{ENCODER}` is trained with "
        "the generator:",
        argument="`objective` must have an `encoder_loss` where `discriminator` takes latents:",
        reason="this one's generator does not play the discriminator's game with the sides "
        "changed, so nothing says what an encoder should minimise. 'non_saturating' does, as do "
        "'least_squares', 'hinge', 'wgan', the relativistic ones and the f-divergences.",
    ),
    Rule(
        broken=_codes_of_another_reader,
        setting="`objective.terms.mutual_information` must be there, with the `reader` that the "
        "other terms on codes have,",
        argument="`MutualInformation` must be there, with the `reader` that the other terms on "
        "codes have,",
        reason="since what one reader learns of real examples says nothing to another one, nor to "
        "the generator.",
    ),
    Rule(
        broken=_packed_codes,
        setting="`discriminator.packing` must be 1",
        argument="`packing` must be 1",
        reason="where codes are read back: a pack holds examples of several codes.",
    ),
    Rule(
        broken=_unpaired,
        setting="The data must have observations (`data.past`, `data.coarser`, ...)",
        argument="`generator` must take an observation of each row",
        reason="for terms on pairs: what is made of noise alone could only become the mean of all "
        "rows, and beside nothing there is nothing to mistake.",
    ),
    Rule(
        broken=lambda given: given.score_activation and f"{given.score_activation!r} at the end",
        setting="The discriminator must end without an activation:",
        argument="`discriminator` must end without an activation:",
        reason="objectives take raw scores and squash them themselves, and what has been squashed "
        "before can no longer say how sure it is. Leave the activation of its last layer out.",
    ),
    Rule(
        broken=lambda given: given.squashed_scores,
        setting="The discriminator's scores of very large examples all lie within 0 and 1:",
        argument="`discriminator`'s scores of very large examples all lie within 0 and 1:",
        reason="if it ends in a sigmoid or softmax, leave that out, for objectives take raw scores "
        "and squash them themselves.",
        fatal=False,
    ),
    Rule(
        broken=lambda given: _both(_quoted(given.batch_layers), given.gradient_penalties),
        setting="`discriminator.normalisation` must be 'none' or 'layer'",
        argument="`discriminator` must not normalise batches "
        "(`ganapp.models.layers.ExampleNormalization` does so with each example)",
        reason="under a gradient penalty, whose gradient of one example does not exist when a "
        "batch is normalised together.",
    ),
    Rule(
        broken=_constrained_twice,
        setting="`objective.constraint` must be 'none'",
        argument="`objective.constraint` must be `Unconstrained()`, or the discriminator's layers "
        "must be plain ones,",
        reason="where `keras.layers.SpectralNormalization` overwrites the weights at every call: "
        "a second constraint would act on other weights than those that are used.",
    ),
    Rule(
        broken=_images_only,
        setting="Some of `objective.terms` and `objective.augmentations` are for images only;",
        argument="Some terms and augmentations are for images (height, width, channels) only;",
        reason="leave them out.",
    ),
    Rule(
        broken=_odd_packs,
        setting="`training.batch_size` must be a multiple of `discriminator.packing`.",
        argument="The examples of one discriminator update must be a multiple of `packing`.",
    ),
    Rule(
        broken=lambda given: _both(
            f"packing={given.packing}" if given.packing > 1 else "", given.told_classes
        ),
        setting="`discriminator.packing` must be 1 when the generator is told classes:",
        argument="`packing` must be 1 when the generator takes 'label':",
        reason="a pack would mix them, and has one score for all.",
    ),
    Rule(
        broken=lambda given: given.untold_classes,
        setting="`data.clusters` makes classes that nobody is told; add `--set "
        "generator.condition=concatenation --set discriminator.condition=projection`.",
        argument="The data's classes are told to nobody; let the generator take 'label'.",
    ),
    Rule(
        broken=_adaptive_to_energies,
        setting="`objective.augmentations.adaptive_augment`",
        argument="`AdaptiveAugment`",
        reason="augments more while real images score above 0, and minus an energy or a "
        "reconstruction error never does; use",
        remedy=("`--set 'objective.augmentations.diff_augment={}'`.", "`DiffAugment`."),
    ),
    Rule(
        broken=_adaptive_to_unsigned_scores,
        setting="`objective.augmentations.adaptive_augment`",
        argument="`AdaptiveAugment`",
        reason="takes scores above 0 for real, which those of this objective are not (a critic's "
        "and relative scores have no zero of their own, others have it elsewhere); use",
        remedy=(
            "`--set 'objective.augmentations.diff_augment={}'`, or an objective such as `--set "
            "objective.name=non_saturating`.",
            "`DiffAugment`, or an objective such as `NonSaturating`.",
        ),
        fatal=False,
    ),
    Rule(
        broken=lambda given: _both(_quoted(given.comparing_layers), given.gradient_penalties),
        setting="`discriminator.minibatch` makes",
        argument="A layer that compares the examples of a batch makes",
        reason="a score depend on other examples, so a gradient penalty also counts their "
        "influence; none is what the penalties' papers assume.",
        fatal=False,
    ),
    Rule(
        broken=_lazy,
        setting="`interval` above 1 (a lazy penalty)",
        argument="`interval` above 1 (a lazy penalty)",
        reason="fails on points and tables, where the discriminator moves too far between two "
        "penalties; use interval=1.",
        fatal=False,
        kinds=("vector",),
    ),
    Rule(
        broken=_energy_and_autoencoder(energy=True),
        setting="`discriminator.network` should be 'autoencoder'",
        argument="`discriminator` should end in `ganapp.models.layers.ReconstructionScore`",
        reason="for an energy-based objective, whose score is minus a reconstruction error.",
        fatal=False,
    ),
    Rule(
        broken=_energy_and_autoencoder(energy=False),
        setting="`objective.name` should be 'ebgan' or 'began' for the network 'autoencoder',",
        argument="`objective` should be `EBGAN()` or `BEGAN()` for an autoencoder,",
        reason="whose scores are never positive.",
        fatal=False,
    ),
    Rule(
        broken=_clipped_and_penalised,
        setting="`objective.constraint` 'weight_clip'",
        argument="The constraint `WeightClip`",
        reason="bounds the slopes that a gradient penalty is there to bound; one of the two is "
        "enough.",
        fatal=False,
    ),
    Rule(
        broken=lambda given: given.unheeded_classes,
        setting="The generator is told classes that no part of the discriminator looks at:",
        argument="The generator takes classes that no part of the discriminator looks at (it takes "
        "no label, and no `AuxiliaryClassifier` is there):",
        reason="unless the examples say their class themselves, the generator learns to ignore it.",
        fatal=False,
    ),
)
