"""Layers that Keras lacks, or has in a form that cannot be differentiated twice or shared out."""

from models.layers.blocks import BlockActivation
from models.layers.dropout import StatelessDropout
from models.layers.gain import Gain
from models.layers.grouped import GroupedConv2D
from models.layers.maxout import Maxout
from models.layers.minibatch import MinibatchDiscrimination, MinibatchStandardDeviation
from models.layers.normalisation import ExampleNormalization
from models.layers.reconstruction import ReconstructionScore

__all__ = [
    "BlockActivation",
    "ExampleNormalization",
    "Gain",
    "GroupedConv2D",
    "Maxout",
    "MinibatchDiscrimination",
    "MinibatchStandardDeviation",
    "ReconstructionScore",
    "StatelessDropout",
]
