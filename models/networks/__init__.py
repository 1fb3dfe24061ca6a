"""Network families, one line here for each builder.

A generator builder takes `(latent_size, shape, *, options)`, a discriminator builder
`(shape, *, options)`; the options' types are what a configuration may set. A discriminator's last
layer is named `scores`. Its features are the output of the layer named `features` if there is
one, else what the last layer takes, `(batch, d)`.
"""

from ganapp.models.networks.autoencoder import autoencoder_discriminator
from ganapp.models.networks.dcgan import dcgan_discriminator, dcgan_generator
from ganapp.models.networks.mlp import mlp_discriminator, mlp_generator
from ganapp.models.networks.resnet import resnet_discriminator, resnet_generator

GENERATORS = {"mlp": mlp_generator, "dcgan": dcgan_generator, "resnet": resnet_generator}
DISCRIMINATORS = {
    "mlp": mlp_discriminator,
    "dcgan": dcgan_discriminator,
    "resnet": resnet_discriminator,
    "autoencoder": autoencoder_discriminator,
}
