"""Scripts that print the tables in docs/: `python -m benchmarks.<name>`."""
