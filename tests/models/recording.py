"""A GAN that keeps what each of its updates saw; to be compiled with `run_eagerly=True`."""

import numpy as np

from ganapp.models import GAN


class RecordingGAN(GAN):
    """`seen` lists (kind, tensor) in order: real and fake scored, latents of each draw."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.seen = []

    def _update_discriminator(self, given, index):
        self.seen.append(("real", given["x"].numpy()))
        return super()._update_discriminator(given, index)

    def _generate(self, latents, *, training=True):
        self.seen.append(("latents", latents["z"].numpy()))
        return super()._generate(latents, training=training)

    def of(self, kind: str) -> list[np.ndarray]:
        """What was recorded of one kind, in order."""
        return [array for name, array in self.seen if name == kind]
