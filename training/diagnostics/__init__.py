"""Comparing what a GAN learnt with what theory says it should: pure functions on arrays."""
