"""The noise that TensorFlow draws, bit for bit, without TensorFlow.

`tf.random.stateless_uniform(shape, seed, alg="philox")` is Philox4x32-10 (Salmon et al., 2011,
"Parallel random numbers: as easy as 1, 2, 3") run over a counter. With the same noise every engine
of the server gives the samples that the SavedModel's own `sample` gives.
"""

import numpy as np

# First half of the stateless seed; the exported `sample` signature uses the same.
SAMPLE_STREAM = 0x5A11
ROUNDS = 10
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
# TensorFlow's fixed key for turning a user's seed into a key and the upper half of a counter.
SCRAMBLING_KEY = (0x3EC8F720, 0x02461E29)
WORD = 0xFFFFFFFF
HALF = np.uint64(32)
LOW = np.uint64(WORD)


def uniform(count: int, size: int, seed: int) -> np.ndarray:
    """Draws as `tf.random.stateless_uniform((count, size), [0x5A11, seed], alg="philox")`.

    Args:
        count: how many rows, at least 0.
        size: numbers a row, at least 0.
        seed: an int32 or int64.

    Returns:
        float32 `(count, size)` in [0, 1); the first rows are the same for every `count`.
    """
    total = count * size
    key, upper = scrambled(SAMPLE_STREAM, seed)
    groups = np.arange(-(-total // 4), dtype=np.uint64)
    words = (groups & LOW, groups >> HALF, *(np.full_like(groups, word) for word in upper))
    bits = np.stack(philox(words, key), axis=1).reshape(-1)[:total]
    return to_unit_interval(bits).reshape(count, size)


def scrambled(first: int, second: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The Philox key and the upper half of the counter that TensorFlow makes of a seed.

    Args:
        first: first number of the seed, sign-extended to 64 bits as in TensorFlow.
        second: second number of the seed.

    Returns:
        two words of the key and two of the counter, each below 2**32.
    """
    words = (first & WORD, (first >> 32) & WORD, second & WORD, (second >> 32) & WORD)
    counter = tuple(np.array([word], dtype=np.uint64) for word in words)
    mixed = [int(word[0]) for word in philox(counter, SCRAMBLING_KEY)]
    return (mixed[0], mixed[1]), (mixed[2], mixed[3])


def philox(counter: tuple[np.ndarray, ...], key: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Philox4x32-10 of many counters at once.

    Args:
        counter: four words of every counter, each uint64 `(n,)` below 2**32.
        key: two words below 2**32.

    Returns:
        four words of the result, each uint64 `(n,)` below 2**32.
    """
    first, second, third, fourth = counter
    for number in range(ROUNDS):
        keys = [(word + number * step) & WORD for word, step in zip(key, KEY_STEPS, strict=True)]
        left, right = first * MULTIPLIERS[0], third * MULTIPLIERS[1]
        first, second, third, fourth = (
            (right >> HALF) ^ second ^ np.uint64(keys[0]),
            right & LOW,
            (left >> HALF) ^ fourth ^ np.uint64(keys[1]),
            left & LOW,
        )
    return first, second, third, fourth


def to_unit_interval(bits: np.ndarray) -> np.ndarray:
    """The lowest 23 bits of each word as the mantissa of a float32 in [1, 2), less 1."""
    mantissa = (bits & np.uint64(0x7FFFFF)).astype(np.uint32)
    return (mantissa | np.uint32(127 << 23)).view(np.float32) - np.float32(1)
