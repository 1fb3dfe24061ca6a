"""Latents of several named parts, each an input of the generator."""

import dataclasses
import keyword
import zlib

import tensorflow as tf

from ganapp.training.priors.base import Prior

# What a generator's call, its signatures and a model card's code mean by these is no latent.
TAKEN = ("x", "label", "scores", "count", "seed", "truncation", "latents", "noise", "np", "random")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product(Prior):
    """Independent priors by name, each of which is an input of the generator of that name.

    What other priors do with one tensor this does with a dict of them. Every part draws from a
    seed of its own, so that another part changes none of the others.

    Args:
        parts: at least one prior by name, usually one that is called `z`; no products.
        codes: the parts that a person steers and a network may be asked to read back.
    """

    parts: dict[str, Prior] = dataclasses.field()
    codes: tuple[str, ...] = ()
    name = "product"
    reference = "Chen et al., 2016, arXiv:1606.03657"
    formula = "p(z, c, ...) = p(z) p(c) ..."

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(
                "`parts` must hold at least one prior by name, for example z. Received: parts={}"
            )
        for name, part in self.parts.items():
            if not name.isidentifier() or keyword.iskeyword(name) or name in TAKEN:
                raise ValueError(
                    "`parts` must have names of letters, digits and underscores that mean nothing "
                    f"else ({', '.join(TAKEN)}). Received: a part called {name!r}"
                )
            if not isinstance(part, Prior) or isinstance(part, Product):
                raise ValueError(
                    f"`parts` must hold priors that are no products. Received: {name}={part!r}"
                )
        if unknown := [name for name in self.codes if name not in self.parts]:
            raise ValueError(
                f"`codes` must name parts, of which there are {', '.join(self.parts)}. "
                f"Received: {', '.join(map(repr, unknown))}"
            )

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    @property
    def noise_size(self) -> int:
        return sum(part.noise_size for part in self.parts.values())

    @property
    def continuous_mask(self):
        return {name: part.continuous_mask for name, part in self.parts.items()}

    @property
    def truncates(self) -> bool:
        return any(part.truncates for part in self.parts.values())

    def sample(self, count, seed):
        return {name: part.sample(count, _seed_of(name, seed)) for name, part in self.parts.items()}

    def draw(self, count, seed):
        return self.sample(count, seed)

    def from_uniform(self, noise):
        """The parts one after another take their share of the columns."""
        columns = tf.split(noise, [part.noise_size for part in self.parts.values()], axis=-1)
        return {
            name: part.from_uniform(own)
            for (name, part), own in zip(self.parts.items(), columns, strict=True)
        }

    def log_density(self, latents):
        """The sum over the parts; `None` if one of them does not know its own."""
        densities = [part.log_density(latents[name]) for name, part in self.parts.items()]
        return None if any(each is None for each in densities) else tf.add_n(densities)

    def interpolate(self, start, end, fraction):
        return {
            name: part.interpolate(start[name], end[name], fraction)
            for name, part in self.parts.items()
        }

    def centre(self, latents):
        return {name: part.centre(latents[name]) for name, part in self.parts.items()}

    def truncate(self, latents, amount):
        return {name: part.truncate(latents[name], amount) for name, part in self.parts.items()}


def _seed_of(name: str, seed: tf.Tensor) -> tf.Tensor:
    """A part's own seed: a function of its name and the seed of all parts."""
    return tf.random.fold_in(seed, tf.constant(zlib.crc32(name.encode()), tf.int64))
