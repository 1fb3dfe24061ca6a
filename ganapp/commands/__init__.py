"""The commands, in groups; each module is a typer application of its own."""
