"""A generator rebuilt in PyTorch from the layers of a Keras model, timed on request.

Run by `benchmarks/runtimes.py` with an interpreter that has PyTorch and numpy; needs nothing else.
Its argument is a folder with layers.json and weights.npz. Reads a request a line from standard
input, `{"latents": FILE, "calls": n, "setting": NAME}`, and answers with
`{"seconds": [[wall clock, processor], ...]}`, or with what came out in the file `"samples"`.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

SETTINGS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}


class Maps(nn.Module):
    """Keras's Reshape to maps, which has the channels last."""

    def __init__(self, shape: list[int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(-1, *self.shape).permute(0, 3, 1, 2)


def dense(options: dict, kernel: np.ndarray, bias: np.ndarray) -> nn.Module:
    return filled(nn.Linear(*kernel.shape), kernel.T, bias)


def convolution(options: dict, kernel: np.ndarray, bias: np.ndarray) -> nn.Module:
    height, width, given, made = kernel.shape
    expect(options, height == width and height % 2 and options["strides"] == [1, 1])
    layer = nn.Conv2d(given, made, height, padding=height // 2)
    return filled(layer, kernel.transpose(3, 2, 0, 1), bias)


def transposed(options: dict, kernel: np.ndarray, bias: np.ndarray) -> nn.Module:
    height, width, made, given = kernel.shape
    expect(options, height == width == 4 and options["strides"] == [2, 2])
    layer = nn.ConvTranspose2d(given, made, 4, stride=2, padding=1)
    return filled(layer, kernel.transpose(3, 2, 0, 1), bias)


def normalised(options: dict, *weights: np.ndarray) -> nn.Module:
    """Batch normalisation: gamma, beta, moving mean and variance, in this order."""
    layer = nn.BatchNorm2d(len(weights[0]), eps=options["epsilon"])
    names = ("weight", "bias", "running_mean", "running_var")
    with torch.no_grad():
        for name, values in zip(names, weights, strict=True):
            getattr(layer, name).copy_(torch.from_numpy(values))
    return layer


KINDS = {
    "Dense": dense,
    "Conv2D": convolution,
    "Conv2DTranspose": transposed,
    "BatchNormalization": normalised,
    "Reshape": lambda options: Maps(options["target_shape"]),
    "LeakyReLU": lambda options: nn.LeakyReLU(options["negative_slope"]),
    "ReLU": lambda options: nn.ReLU(),
    "Activation": lambda options: {"tanh": nn.Tanh, "relu": nn.ReLU}[options["activation"]](),
}


def expect(options: dict, holds: bool) -> None:
    """Ends the process at a layer that is not what this file rebuilds."""
    if not holds or options.get("padding", "same") != "same":
        sys.exit(f"PyTorch's generator has no such layer: {options}")


def filled(layer: nn.Module, kernel: np.ndarray, bias: np.ndarray) -> nn.Module:
    """A layer with these weights."""
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel)))
        layer.bias.copy_(torch.from_numpy(bias))
    return layer


def rebuilt(folder: Path) -> nn.Module:
    """The generator, for inference."""
    layers = []
    with np.load(folder / "weights.npz") as weights:
        for number, each in enumerate(json.loads((folder / "layers.json").read_text())):
            if each["kind"] not in KINDS or each["options"].get("activation", "linear") not in (
                "linear",
                "tanh",
                "relu",
            ):
                sys.exit(f"PyTorch's generator has no layer {each['kind']}: {each['options']}")
            own = [weights[f"{number}_{place}"] for place in range(each["weights"])]
            layers.append(KINDS[each["kind"]](each["options"], *own))
    return nn.Sequential(*layers).eval()


def timed(generator: nn.Module, z: torch.Tensor, calls: int) -> list[list[float]]:
    """Seconds of each call by the wall clock and of the processors."""
    generator(z)
    found = []
    for _ in range(calls):
        clock, work = time.perf_counter(), time.process_time()
        generator(z)
        found.append([time.perf_counter() - clock, time.process_time() - work])
    return found


def main() -> None:
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    generators = {name: rebuilt(folder).to(memory_format=of) for name, of in SETTINGS.items()}
    print(json.dumps({"version": torch.__version__, "settings": list(SETTINGS)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        generator = generators[request["setting"]]
        z = torch.from_numpy(np.load(request["latents"]))
        with torch.inference_mode():
            if "samples" in request:
                made = generator(z).permute(0, 2, 3, 1).contiguous().numpy()
                np.save(request["samples"], made)
                answer = {}
            else:
                answer = {"seconds": timed(generator, z, request["calls"])}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
