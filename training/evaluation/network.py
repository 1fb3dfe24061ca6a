"""A small convolutional classifier of the user's images, trained the same way every time.

Keras's global seeds and the global random state stay as they are: a judge must not change what the
run that it judges draws.
"""

import keras
import numpy as np

FEATURES = 128  # width of the penultimate layer
EPOCHS, BATCH, RATE = 5, 64, 2e-3
LEAST_UPDATES = 800  # a few hundred examples need more passes
MOST_EXAMPLES = 20_000  # a minute and a half on a core at 28x28
FITTED_AT_ONCE = 10_000  # images
SHIFT = 14  # images move by up to a fourteenth of their side while it trains


def build_classifier(shape: tuple[int, ...], classes: int, *, seed: int) -> keras.Model:
    """An untrained network: images float32 `(n, *shape)` in [-1, 1] to logits `(n, classes)`.

    Its second last layer, `features`, has 128 units.
    """
    seeds = iter(range(1000 * seed, 1000 * seed + 1000))

    def start() -> keras.initializers.Initializer:
        return keras.initializers.HeNormal(seed=next(seeds))

    image = keras.Input(shape)
    x, channels = image, 32
    for _ in range(3):
        x = keras.layers.Conv2D(
            channels, 3, padding="same", use_bias=False, kernel_initializer=start()
        )(x)
        x = keras.layers.BatchNormalization(momentum=0.9)(x)
        x = keras.layers.ReLU()(x)
        if min(x.shape[1:3]) >= 4:
            x = keras.layers.MaxPooling2D(2, padding="same")(x)
        channels = 64
    while x.shape[1] * x.shape[2] > 64:  # of large images, or the dense layer would hold millions
        x = keras.layers.AveragePooling2D(2, padding="same")(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.3, seed=next(seeds))(x)
    x = keras.layers.Dense(FEATURES, "relu", kernel_initializer=start(), name="features")(x)
    logits = keras.layers.Dense(classes, kernel_initializer=start(), name="logits")(x)
    return keras.Model(image, logits)


def train_classifier(
    images: np.ndarray, labels: np.ndarray, *, classes: int, seed: int
) -> keras.Model:
    """A trained `build_classifier`; the same arguments give the same network.

    Args:
        images: uint8 `(n, height, width, channels)`; at most 20,000 are used.
        labels: int `(n,)` from 0 to `classes - 1`.
        classes: how many there are.
        seed: of weights, order and shifts.
    """
    generator = np.random.default_rng(seed)
    model = build_classifier(images.shape[1:], classes, seed=seed)
    count = min(len(images), MOST_EXAMPLES)
    batch = min(BATCH, count)
    per_epoch = count // batch
    epochs = max(EPOCHS, -(-LEAST_UPDATES // per_epoch))
    rate = keras.optimizers.schedules.CosineDecay(RATE, epochs * per_epoch)
    model.compile(
        keras.optimizers.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        auto_scale_loss=False,
        jit_compile=False,
    )
    chosen = generator.permutation(len(images))[:count]
    # Every call of `fit` has its price, which small data would pay a hundred times.
    at_once = max(1, FITTED_AT_ONCE // (per_epoch * batch))
    for first in range(0, epochs, at_once):
        passes = range(first, min(first + at_once, epochs))
        orders = [generator.permutation(chosen)[: per_epoch * batch] for _ in passes]
        order = np.concatenate(orders)
        shifted = _shifted(to_range(images[order]), generator)
        model.fit(shifted, labels[order], batch_size=batch, shuffle=False, verbose=0)
    return model


def to_range(images: np.ndarray) -> np.ndarray:
    """User units 0 to 255 (also between whole levels) as float32 in [-1, 1]."""
    return np.asarray(images, np.float32) / 127.5 - 1.0


def _shifted(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each image moved by a few pixels; what leaves on one side is lost, the edge is repeated."""
    height, width = images.shape[1:3]
    reach = [side // SHIFT for side in (height, width)]
    if not any(reach):
        return images
    places = []
    for side, most in zip((height, width), reach, strict=True):
        moved = np.arange(side) + generator.integers(-most, most + 1, (len(images), 1))
        places.append(np.clip(moved, 0, side - 1))
    rows, columns = places
    return images[np.arange(len(images))[:, None, None], rows[:, :, None], columns[:, None, :]]
