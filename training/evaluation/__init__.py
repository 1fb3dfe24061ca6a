"""Judging generated samples against real ones: pure functions on arrays, each with its seed."""
