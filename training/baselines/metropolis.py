"""Random-walk Metropolis-Hastings: samples of a known density, without learning anything.

References: Metropolis et al., 1953, J. Chemical Physics 21(6); the acceptance rate to aim at is
that of Roberts et al., 1997, Annals of Applied Probability 7(1). Effective sample size and
potential scale reduction are those of Vehtari et al., 2021, arXiv:1903.08008, with the cut of the
autocorrelation of Geyer, 1992, Statistical Science 7(4).
"""

import dataclasses

import numpy as np

from ganapp.training.baselines.base import Baseline, Fitted, RealData, check_count
from ganapp.training.data.source import Density

WANTED_ACCEPTANCE = 0.3  # between .44, the best in one dimension, and .234, in very many
LEAST_KEPT = 4  # states of a chain, for figures of the chains


@dataclasses.dataclass
class Walk:
    """Chains at some moment: `places (chains, d)` and `heights (chains,)`, their log-densities.

    Heights are finite, for no step of a walk ends where the density is 0.
    """

    places: np.ndarray
    heights: np.ndarray

    def move(self, density: Density, steps: np.ndarray, random: np.random.Generator) -> float:
        """Proposes a normal step `(d,)` wide to every chain; returns the share that took it."""
        proposed = self.places + steps * random.normal(size=self.places.shape)
        heights = density.log_density(proposed)
        taken = np.log(random.uniform(size=len(heights))) < heights - self.heights
        self.places = np.where(taken[:, None], proposed, self.places)
        self.heights = np.where(taken, heights, self.heights)
        return float(taken.mean())


class FittedWalk(Fitted):
    """Chains after the burn-in, and the standard deviations `steps (d,)` of a proposal that suit
    them.
    """

    def __init__(self, density: Density, walk: Walk, steps: np.ndarray, thinning: int) -> None:
        self._density, self._walk = density, walk
        self.steps, self.thinning = steps, thinning
        self.name = f"Metropolis-Hastings sampler of {len(walk.places)} chains"
        self._last: dict[str, float] = {}

    def sample(self, count, seed=0):
        check_count(count)
        kept = max(LEAST_KEPT, -(-count // len(self._walk.places)))
        chains, acceptance = self.chains(kept, seed)
        self._last = {
            "acceptance_rate": acceptance,
            "effective_samples": effective_samples(chains),
            "scale_reduction": scale_reduction(chains),
        }
        flat = chains.reshape(-1, chains.shape[2])
        drawn = np.random.default_rng(seed).permutation(len(flat))[:count]
        return flat[drawn].astype(np.float32)

    def chains(self, kept: int, seed: int = 0) -> tuple[np.ndarray, float]:
        """`kept` states of every chain, float64 `(kept, chains, d)`, and the acceptance rate."""
        random = np.random.default_rng((seed, 1))
        walk, states, rates = dataclasses.replace(self._walk), [], []
        for _ in range(kept):
            rates += [walk.move(self._density, self.steps, random) for _ in range(self.thinning)]
            states.append(walk.places)
        return np.stack(states), float(np.mean(rates))

    def facts(self, held_out):
        """Of the last draw: acceptance, effective size, and whether the chains have mixed."""
        return self._last


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metropolis(Baseline):
    """Random-walk Metropolis-Hastings chains on the known density of the data.

    The step is tuned while the chains burn in and stays as it is from then on.

    Args:
        chains: that walk beside each other, from places spread about the data (from training
            examples, where the density of such a place is 0).
        burn_in: steps before the first state is kept.
        thinning: steps from one kept state to the next.
    """

    name = "metropolis"
    reference = "Metropolis et al., 1953, J. Chemical Physics 21(6)"
    formula = "x' = x + s e;  taken with probability min(1, p(x') / p(x))"
    needs_density = True
    chains: int = 100
    burn_in: int = 2_000
    thinning: int = 50

    def __post_init__(self) -> None:
        for name, least in (("chains", 2), ("burn_in", 100), ("thinning", 1)):
            self.refuse(name, f"at least {least}", getattr(self, name) >= least)

    def fit(self, data: RealData, *, seed: int = 0) -> FittedWalk:
        if data.density is None:
            raise ValueError(
                "The baseline 'metropolis' must have data whose density is known, such as 'moons'. "
                f"Received: {data.spec.name!r}"
            )
        mean, scale = np.asarray(data.spec.mean), np.asarray(data.spec.scale)
        random = np.random.default_rng((seed, 0))
        places = mean + 1.5 * scale * random.normal(size=(self.chains, len(mean)))
        # A walk that starts where nothing is would never find the data in so many steps.
        lost = ~np.isfinite(data.density.log_density(places))
        places[lost] = data.train[random.integers(len(data.train), size=lost.sum())]
        walk = Walk(places, data.density.log_density(places))
        logarithm = np.log(2.4 / np.sqrt(len(mean)))
        for number in range(self.burn_in):
            rate = walk.move(data.density, np.exp(logarithm) * scale, random)
            # Robbins and Monro: ever smaller corrections, so that the step comes to rest.
            logarithm += (rate - WANTED_ACCEPTANCE) / (1 + number / 50) ** 0.6
        return FittedWalk(data.density, walk, np.exp(logarithm) * scale, self.thinning)


def effective_samples(chains: np.ndarray) -> float:
    """The effective sample size of the worst coordinate of chains `(steps, chains, d)`: as many
    independent draws are as good.
    """
    return min(_effective(chains[..., place]) for place in range(chains.shape[2]))


def scale_reduction(chains: np.ndarray) -> float:
    """The potential scale reduction of the worst coordinate of chains `(steps, chains, d)`.

    The width of all chains together over that of each half of one: 1 where they have mixed; above
    1.01 they have not.
    """
    half = len(chains) // 2
    halves = np.concatenate([chains[:half], chains[half : 2 * half]], axis=1)
    within, total = _variances(halves)
    # A chain that never moved has no variance within; others elsewhere make the ratio infinite.
    ratio = np.divide(total, within, out=np.full_like(total, np.inf), where=within > 0)
    return float(np.sqrt(np.where(total > 0, ratio, 1.0).max()))


def _variances(chains: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean variance within a chain, and the estimate from all of them, `(d,)` each."""
    steps, count = chains.shape[:2]
    within = chains.var(axis=0, ddof=1).mean(axis=0)
    between = chains.mean(axis=0).var(axis=0, ddof=1) if count > 1 else np.zeros_like(within)
    return within, (steps - 1) / steps * within + between


def _effective(chains: np.ndarray) -> float:
    steps, count = chains.shape
    within, total = (float(value[0]) for value in _variances(chains[..., None]))
    if within == 0:
        return float(count)  # each stayed where it was: one draw a chain
    # Biased autocovariances of every chain by lag.
    spectrum = np.fft.rfft(chains - chains.mean(axis=0), 2 * steps, axis=0)
    covariances = np.fft.irfft(np.abs(spectrum) ** 2, 2 * steps, axis=0)[:steps] / steps
    covariances = covariances.mean(axis=1)
    correlations = 1 - (within - covariances * steps / (steps - 1)) / total
    correlations[0] = 1.0
    pairs = correlations[: steps // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    pairs = pairs[: negative[0]] if len(negative) else pairs
    pairs = np.minimum.accumulate(pairs)  # in theory they fall; noise must not add to the sum
    time = max(2 * pairs.sum() - 1, 1 / np.log10(max(steps * count, 11)))
    return steps * count / time
