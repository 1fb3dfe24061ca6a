"""Remedies: settings to copy onto the command line, named by what they switch on."""

import dataclasses
import shlex


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing to try.

    Args:
        name: of the member or option, to be ruled out where a run uses it already; empty for advice
            that always holds.
        setting: what to try in words, with options of the command line in backticks.
    """

    name: str = ""
    setting: str


def _set(*settings: str) -> str:
    """Settings as a shell takes them."""
    return f"`{' '.join(f'--set {shlex.quote(setting)}' for setting in settings)}`"


def _of_both(setting: str) -> str:
    """A setting of both optimizers."""
    return _set(*(f"{player}.optimizer.{setting}" for player in ("generator", "discriminator")))


def _augmentation(name: str, options: str = "={}") -> Remedy:
    return Remedy(name=name, setting=_set(f"objective.augmentations.{name}{options}"))


def _term(name: str) -> Remedy:
    return Remedy(name=name, setting=_set(f"objective.terms.{name}={{}}"))


PACKING = Remedy(name="packing", setting=_set("discriminator.packing=2"))
MINIBATCH = Remedy(name="minibatch", setting=_set("discriminator.minibatch=standard_deviation"))
RELATIVISTIC = Remedy(name="relativistic", setting=_set("objective.name=relativistic"))
NON_SATURATING = Remedy(name="non_saturating", setting=_set("objective.name=non_saturating"))
WGAN_GP = Remedy(name="wgan_gp", setting=_set("objective.name=wgan_gp"))
ALTERNATIVE_GOAL = Remedy(
    name="alternative_goal", setting=_set("objective.generator_goal=alternative")
)
R1 = Remedy(name="r1", setting=_set("objective.terms.r1.weight=1.0"))
STRONGER_PENALTY = Remedy(setting="a larger weight of the gradient penalty")
SPECTRAL_NORM = Remedy(
    name="spectral_norm", setting=_set("objective.constraint.name=spectral_norm")
)
PULLING_AWAY = _term("pulling_away")
INSTANCE_NOISE = _augmentation("instance_noise", ".sigma=0.1")
HISTORICAL_AVERAGE = _term("historical_average")
ADAPTIVE_AUGMENT = _augmentation("adaptive_augment")
DIFF_AUGMENT = _augmentation("diff_augment")
MORE_DATA = Remedy(setting="more data")
SMALLER_DISCRIMINATOR = Remedy(setting="a smaller discriminator")
SMALLER_RATES = Remedy(
    setting=f"smaller learning rates, such as {_of_both('learning_rate=5e-5')}",
)
FALLING_RATES = Remedy(
    name="falling_rates",
    setting=f"falling learning rates, {_of_both('learning_rate={start=2e-4, end=1e-5}')}",
)
CLIPNORM = Remedy(name="clipnorm", setting=_of_both("clipnorm=1.0"))
FEWER_DISCRIMINATOR_STEPS = Remedy(
    name="one_discriminator_step", setting=_set("objective.discriminator_steps=1")
)
COMPONENTS = Remedy(name="components", setting=_set("data.components=20"))
LONGER = Remedy(setting="a longer training")

AGAINST_COLLAPSE = (PACKING, MINIBATCH, RELATIVISTIC, R1)
