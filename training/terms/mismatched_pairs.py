"""The discriminator also learns that a real example beside another row's observations is wrong."""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from ganapp.models.replicas import gather_rows, own_rows
from ganapp.models.tensors import EXAMPLE, LABEL
from ganapp.training.terms.base import Tensors, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class MismatchedPairs(Term):
    """Cross-entropy of pairs that do not belong together, which count as generated.

    Each real example of the global batch is judged beside the observations of the row before it
    (of the first, the last row's), so that a discriminator cannot leave observations aside. The
    authors' code of Mathieu et al. has it, their paper does not; Reed et al. (2016,
    arXiv:1605.05396) do the same with captions.

    Args:
        relative: compare with the score of the row's own pair, as objectives do whose scores have
            no zero of their own: relativistic ones and critics.
    """

    relative: bool = False
    name = "mismatched_pairs"
    reference = "Mathieu et al., 2016, arXiv:1511.05440"
    formula = "weight * E log(1 + exp(D(x, c') - D(x, c))), without D(x, c) unless relative"
    paired = True

    def per_example(self, critic, real, fake, draw, state=None):
        """Scores of several scales or patches are averaged: `(batch,)`."""
        others = neighbours(real, critic.latents)
        if not others.keys() & set(critic.takes):
            raise ValueError(
                "`discriminator` must take an observation for the term 'mismatched_pairs'. "
                f"Received: {', '.join(map(repr, critic.takes))}"
            )
        scores = critic(real | others)["scores"]
        if self.relative:
            scores = scores - critic(real)["scores"]
        return tf.reduce_mean(tf.nn.softplus(scores), axis=list(range(1, scores.shape.rank)))


def neighbours(rows: Tensors, latents: Sequence[str] = ()) -> Tensors:
    """The observations of the row before each in the global batch, by name.

    Latents stay with their example: an encoder's would tell the wrong pair by themselves.
    """
    count = tf.shape(rows[EXAMPLE])[0]
    return {
        name: own_rows(tf.roll(gather_rows(values), shift=1, axis=0), count)
        for name, values in rows.items()
        if name not in (EXAMPLE, LABEL, *latents)
    }
