"""Network families: two builders each, one line here.

A generator builder takes `(latent_size, shape, *, options)`, a discriminator builder
`(shape, *, options)`; the options' types are what a configuration may set.
"""

from models.networks.dcgan import dcgan_discriminator, dcgan_generator
from models.networks.mlp import mlp_discriminator, mlp_generator

GENERATORS = {"mlp": mlp_generator, "dcgan": dcgan_generator}
DISCRIMINATORS = {"mlp": mlp_discriminator, "dcgan": dcgan_discriminator}
