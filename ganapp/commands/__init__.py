"""The verbs of the command line: a file each, in which the typer signature is the verb."""
