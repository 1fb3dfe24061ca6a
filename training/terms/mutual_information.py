"""InfoGAN: an example tells the code that it was made of."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import tensorflow as tf

from ganapp.training.priors.base import Prior
from ganapp.training.priors.codes import Reading, reading_of
from ganapp.training.terms.base import Critic, Tensors, Term

CODE, CODE_READER = "code", "code_reader"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CodeTerm(Term):
    """A term on what a reader says of the codes that examples were made of.

    Args:
        reader: a head on the discriminator's features (`"trunk"`, its output `code`), or a
            companion `code_reader` of its own (`"apart"`), whose output `code` of the example it
            is; either says `size_of(codes)` numbers.
        codes: the prior of each code by name, in their order.
    """

    reader: Literal["trunk", "apart"] = "trunk"
    codes: Mapping[str, Prior] = dataclasses.field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """Outputs of the discriminator that it looks at beside the scores."""
        return (CODE,) if self.reader == "trunk" else ()

    @property
    def calls(self) -> tuple[str, ...]:
        """Companions that it calls."""
        return () if self.reader == "trunk" else (CODE_READER,)

    def said(self, critic: Critic, given: Tensors) -> tf.Tensor:
        """What the reader says of the examples `x`: `(batch, size_of(codes))`."""
        if self.reader == "trunk":
            return critic(given)[CODE]
        return critic.companions[CODE_READER](given)[CODE]

    def by_code(self, said: tf.Tensor) -> list[tuple[str, Reading, tf.Tensor]]:
        """Of each code its name, how it is read, and what is said of it, `(batch, outputs)`."""
        readings = {name: reading_of(prior) for name, prior in self.codes.items()}
        parts = tf.split(said, [each.outputs for each in readings.values()], axis=-1)
        return [
            (name, each, part) for (name, each), part in zip(readings.items(), parts, strict=True)
        ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MutualInformation(CodeTerm):
    """Minus the bound on the information between the codes and the example, in both losses.

    The generator learns to make examples whose codes can be told, and the reader, which is trained
    with the discriminator, to tell them. Bound and entropies are in nats.

    Args:
        reader, codes: as of `CodeTerm`.
        continuous_weight: of codes that are numbers, beside those that are categories; the paper
            has 0.1.
    """

    continuous_weight: float = 0.1
    name = "mutual_information"
    reference = "Chen et al., 2016, arXiv:1606.03657"
    formula = "-weight * (E log Q(c | G(z, c)) + H(c))"
    players = ("generator", "discriminator")

    def per_example(self, critic, real, fake, draw, state=None):
        bounds = self.bounds(self.said(critic, fake), fake)
        weights = {
            name: self.continuous_weight if bool(part.continuous_mask.all()) else 1.0
            for name, part in self.codes.items()
        }
        return -tf.add_n([weights[name] * bound for name, bound in bounds.items()])

    def bounds(self, said: tf.Tensor, codes: Tensors) -> Tensors:
        """log Q(c | x) + H(c) of each row and code, nats: `(batch,)` by the code's name."""
        return {
            name: each.log_likelihood(part, codes[name]) + each.entropy
            for name, each, part in self.by_code(said)
        }

    def guess(self, said: tf.Tensor) -> Tensors:
        """The likeliest codes by name."""
        return {name: each.guess(part) for name, each, part in self.by_code(said)}


def size_of(codes: Mapping[str, Prior]) -> int:
    """How many numbers a reader says of all codes together."""
    return sum(reading_of(prior).outputs for prior in codes.values())
