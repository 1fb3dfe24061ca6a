"""Runs a small LiteRT graph in a process of its own: `python -P check_graphs.py GRAPH DIRECTORY`.

Reads `<request>/<input>` arrays from DIRECTORY/inputs.npz; writes `<request>/<output>` arrays of
the signature `serving_default` to outputs.npz there. It imports what a server would and nothing of
ours.
"""

import sys
from pathlib import Path

import numpy as np


def main(graph: str, directory: str) -> None:
    """Runs the graph on every request and writes what came out."""
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=graph).get_signature_runner("serving_default")
    requests: dict[str, dict[str, np.ndarray]] = {}
    with np.load(Path(directory, "inputs.npz")) as given:
        for key in given.files:
            request, name = key.rsplit("/", 1)
            requests.setdefault(request, {})[name] = given[key]
    outputs = {
        f"{request}/{name}": value
        for request, inputs in requests.items()
        for name, value in runner(**inputs).items()
    }
    np.savez(Path(directory, "outputs.npz"), **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
