"""Layers that Keras lacks, or has in a form that cannot be differentiated twice or shared out."""

from models.layers.beside import Beside
from models.layers.blocks import BlockActivation
from models.layers.class_column import ClassColumn
from models.layers.class_mask import ClassMask
from models.layers.conditional import ConditionalBatchNormalization
from models.layers.dropout import StatelessDropout
from models.layers.gain import Gain
from models.layers.grouped import GroupedConv2D
from models.layers.maxout import Maxout
from models.layers.minibatch import MinibatchDiscrimination, MinibatchStandardDeviation
from models.layers.normalisation import ExampleNormalization
from models.layers.reconstruction import ReconstructionScore
from models.layers.upsampling import UpsamplingConv2D

__all__ = [
    "Beside",
    "BlockActivation",
    "ClassColumn",
    "ClassMask",
    "ConditionalBatchNormalization",
    "ExampleNormalization",
    "Gain",
    "GroupedConv2D",
    "Maxout",
    "MinibatchDiscrimination",
    "MinibatchStandardDeviation",
    "ReconstructionScore",
    "StatelessDropout",
    "UpsamplingConv2D",
]
