"""The codes of a run, as the network that was trained to reads them back."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganapp.models.companions import CompanionFunctions
from ganapp.models.critic import Critic
from ganapp.models.gan import GAN
from ganapp.models.tensors import EXAMPLE, SCORES, apply, input_names
from ganapp.training.data import DataSpec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Codes
from ganapp.training.terms.mutual_information import MutualInformation

BATCH = 256  # rows that are read together


class CodeReader:
    """Reads the codes of examples in model units, as the term `mutual_information` does."""

    def __init__(self, gan: GAN, term: MutualInformation) -> None:
        self._gan, self._term = gan, term

    @classmethod
    def of(cls, gan: GAN) -> "CodeReader | None":
        """The reader of a GAN; `None` where nothing reads codes back."""
        terms = (each for each in gan.objective.terms if isinstance(each, MutualInformation))
        return next((cls(gan, each) for each in terms), None)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of `GAN.state` that it is made of."""
        return self._term.calls or ("discriminator",)

    def guess(self, examples: np.ndarray) -> dict[str, np.ndarray]:
        """The likeliest codes of examples `(n, ...)` by name, `(n, size)`."""
        return {name: x.numpy() for name, x in self._term.guess(self._said(examples)).items()}

    def bounds(
        self, examples: np.ndarray, codes: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """log Q(c | x) + H(c) of each example by the code's name, nats, float64 `(n,)`."""
        codes = {name: tf.cast(codes[name], tf.float32) for name in self._term.codes}
        found = self._term.bounds(self._said(examples), codes)
        return {name: np.asarray(each, np.float64) for name, each in found.items()}

    def _said(self, examples: np.ndarray) -> tf.Tensor:
        gan = self._gan
        takes = set(input_names(gan.discriminator, EXAMPLE)) - {EXAMPLE}
        if not self._term.calls and takes:
            raise NotComputable(
                "The discriminator that reads the codes is told "
                f"{' and '.join(sorted(takes))} beside the example"
            )

        def companion(name: str):
            return lambda given: gan.call_companion(name, ema=False, **given)

        critic = Critic(
            lambda given: apply(gan.discriminator, given, takes=EXAMPLE, gives=SCORES),
            companions=CompanionFunctions({name: companion(name) for name in gan.companions}),
        )
        parts = (
            tf.cast(examples[start : start + BATCH], tf.float32)
            for start in range(0, len(examples), BATCH)
        )
        said = [self._term.said(critic.fresh(), {EXAMPLE: part}) for part in parts]
        return tf.concat(said, axis=0)


def evaluated_parts(gan: GAN) -> tuple[str, ...]:
    """The parts of `GAN.state` that a report needs: what samples are made with and codes read."""
    reader = CodeReader.of(gan)
    return (*gan.averaged_parts, *(reader.parts if reader else ()))


def codes_of(gan: GAN, spec: DataSpec) -> Codes | None:
    """The codes of the averaged generator, for metrics; `None` where nothing reads them back."""
    reader = CodeReader.of(gan)
    if reader is None:
        return None

    def to_model_units(samples: np.ndarray) -> np.ndarray:
        return np.asarray(spec.to_model_units(samples))

    def draw(count: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        inputs = gan.inputs(count, seed=seed)
        samples = gan.generate(units=spec.to_user_units, **inputs)
        return {name: np.asarray(inputs[name]) for name in gan.prior.codes}, samples

    return Codes(
        priors={name: gan.prior.parts[name] for name in gan.prior.codes},
        draw=draw,
        guess=lambda samples: reader.guess(to_model_units(samples)),
        bounds=lambda samples, codes: reader.bounds(to_model_units(samples), codes),
        model_units=to_model_units,
    )
