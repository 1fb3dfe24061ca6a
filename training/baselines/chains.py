"""How much Markov chains are worth: effective sample size and potential scale reduction.

Reference: Vehtari et al., 2021, arXiv:1903.08008; the cut of the autocorrelation is that of Geyer,
1992, Statistical Science 7(4).
"""

import numpy as np


def effective_samples(chains: np.ndarray) -> float:
    """Independent draws that would tell as much about the mean; of the worst coordinate.

    Args:
        chains: `(steps, chains, d)`, at least 4 steps.
    """
    _check(chains)
    return min(_effective(chains[..., place]) for place in range(chains.shape[2]))


def scale_reduction(chains: np.ndarray) -> float:
    """How much wider all chains together are than each half of one; of the worst coordinate.

    1 where they have mixed; above 1.01 they have not.

    Args:
        chains: `(steps, chains, d)`, at least 4 steps.
    """
    _check(chains)
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
    covariances = _autocovariances(chains).mean(axis=1)
    correlations = 1 - (within - covariances * steps / (steps - 1)) / total
    correlations[0] = 1.0
    pairs = correlations[: steps // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    pairs = pairs[: negative[0]] if len(negative) else pairs
    pairs = np.minimum.accumulate(pairs)  # in theory they fall; noise must not add to the sum
    time = max(2 * pairs.sum() - 1, 1 / np.log10(max(steps * count, 11)))
    return steps * count / time


def _autocovariances(chains: np.ndarray) -> np.ndarray:
    """Biased autocovariances of every chain by lag, `(steps, chains)`."""
    steps = len(chains)
    centred = chains - chains.mean(axis=0)
    spectrum = np.fft.rfft(centred, 2 * steps, axis=0)
    return np.fft.irfft(np.abs(spectrum) ** 2, 2 * steps, axis=0)[:steps] / steps


def _check(chains: np.ndarray) -> None:
    if np.ndim(chains) != 3 or len(chains) < 4:
        raise ValueError(
            "`chains` must have the shape (steps, chains, d) with at least 4 steps. "
            f"Received: shape={np.shape(chains)}"
        )
