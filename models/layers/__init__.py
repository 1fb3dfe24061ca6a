"""Layers that Keras lacks, or has in a form that cannot be differentiated twice."""

from models.layers.normalisation import ExampleNormalization

__all__ = ["ExampleNormalization"]
