"""The step of the throughput benchmark in PyTorch, timed on request.

Run by `benchmarks/throughput.py` with an interpreter that has PyTorch; needs nothing else. Reads
the architecture as JSON from the command line, then one request a line from standard input,
`{"case": ..., "setting": ..., "steps": n}`, and answers each with
`{"seconds": [wall clock, processor time]}` a step.
"""

import copy
import json
import shutil
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

SEED, PENALTY_WEIGHT = 0, 10.0


def activated(width: int, normalisation: str, images: bool = True) -> list[nn.Module]:
    """Batch normalisation, if asked for, with Keras's constants; then the leaky ReLU."""
    layers: list[nn.Module] = []
    if normalisation == "batch":
        kind = nn.BatchNorm2d if images else nn.BatchNorm1d
        layers.append(kind(width, eps=1e-3, momentum=0.01))
    return [*layers, nn.LeakyReLU(0.2)]


class Generator(nn.Module):
    """`dcgan_generator` of models/networks with transposed convolutions, layer by layer."""

    def __init__(self, latent: int, channels: list[int], normalisation: str) -> None:
        super().__init__()
        self.start = (channels[0], 28 // 2 ** len(channels), 28 // 2 ** len(channels))
        self.dense = nn.Linear(latent, self.start[0] * self.start[1] * self.start[2])
        layers, width = activated(channels[0], normalisation), channels[0]
        for maps in channels:
            layers.append(nn.ConvTranspose2d(width, maps, 4, stride=2, padding=1))
            layers.extend(activated(maps, normalisation))
            width = maps
        layers += [nn.Conv2d(width, 1, 3, padding=1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.layers(self.dense(latents).view(-1, *self.start))


class Discriminator(nn.Module):
    """`dcgan_discriminator` of models/networks with strided convolutions, layer by layer."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        layers, width = [], 1
        for maps in channels:
            layers += [nn.Conv2d(width, maps, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            width = maps
        self.layers = nn.Sequential(*layers)
        self.scores = nn.Linear(width * (28 // 2 ** len(channels)) ** 2, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores(self.layers(images).flatten(1))


def input_gradient(critic: nn.Module, examples: torch.Tensor) -> torch.Tensor:
    """Gradient of the scores by the examples, itself differentiable by the weights."""
    examples = examples.detach().requires_grad_()
    return torch.autograd.grad(critic(examples).sum(), examples, create_graph=True)[0]


def functional_gradient(critic: nn.Module, examples: torch.Tensor) -> torch.Tensor:
    """The same by `torch.func`, which `torch.compile` can trace through."""
    return torch.func.grad(lambda x: critic(x).sum())(examples)


class Step:
    """One discriminator and one generator update.

    Args:
        networks: generator and discriminator.
        batch: rows.
        wasserstein: WGAN-GP instead of the non-saturating losses.
        channels_last: memory format of images and kernels.
        compiled: compile both losses with Inductor, forwards and backwards.
    """

    def __init__(self, networks, batch, latent, *, wasserstein, channels_last, compiled) -> None:
        memory = torch.channels_last if channels_last else torch.contiguous_format
        self.generator, self.discriminator = (
            network.to(memory_format=memory) for network in copy.deepcopy(networks)
        )
        self.batch, self.latent, self.wasserstein = batch, latent, wasserstein
        rate, betas = (1e-4, (0.5, 0.9)) if wasserstein else (2e-4, (0.5, 0.999))
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=rate, betas=betas, fused=True)
            for network in (self.generator, self.discriminator)
        ]
        images = torch.rand(32, batch, 1, 28, 28) * 2 - 1
        self.real = [image.to(memory_format=memory) for image in images]
        self.gradient = functional_gradient if compiled else input_gradient
        wrap = torch.compile if compiled else lambda function: function
        self.draw = wrap(self.generator)
        self.discriminator_loss = wrap(self._discriminator_loss)
        self.generator_loss = wrap(self._generator_loss)
        self.count = 0

    def __call__(self) -> None:
        real = self.real[self.count % len(self.real)]
        self.count += 1
        generator_optimizer, discriminator_optimizer = self.optimizers
        with torch.no_grad():
            fake = self.draw(torch.randn(self.batch, self.latent))
        self.discriminator.requires_grad_(True)
        discriminator_optimizer.zero_grad(set_to_none=True)
        self.discriminator_loss(real, fake, torch.rand(self.batch, 1, 1, 1)).backward()
        discriminator_optimizer.step()
        # Frozen, or its weights' gradients would be computed again for nothing.
        self.discriminator.requires_grad_(False)
        generator_optimizer.zero_grad(set_to_none=True)
        self.generator_loss(torch.randn(self.batch, self.latent)).backward()
        generator_optimizer.step()

    def _discriminator_loss(self, real, fake, position):
        real_scores, fake_scores = self.discriminator(real), self.discriminator(fake)
        if not self.wasserstein:
            softplus = nn.functional.softplus
            return (softplus(-real_scores) + softplus(fake_scores)).mean()
        gradient = self.gradient(self.discriminator, real + position * (fake - real))
        norm = torch.sqrt(gradient.square().sum((1, 2, 3)) + 1e-12)
        return (fake_scores - real_scores).mean() + PENALTY_WEIGHT * (norm - 1).square().mean()

    def _generator_loss(self, latents):
        scores = self.discriminator(self.generator(latents))
        return -scores.mean() if self.wasserstein else nn.functional.softplus(-scores).mean()


SETTINGS: dict[str, dict[str, bool]] = {
    "eager": {"channels_last": False, "compiled": False},
    "eager, channels-last": {"channels_last": True, "compiled": False},
    "compiled, channels-last": {"channels_last": True, "compiled": True},
}


def working_steps(architecture: dict) -> tuple[dict[tuple[str, str], Callable], dict]:
    """Every setting that runs, warmed up, and what the answer says of this PyTorch."""
    latent, batch = architecture["latent"], architecture["batch"]
    networks = (
        Generator(latent, architecture["generator"], architecture["normalisation"]),
        Discriminator(architecture["discriminator"]),
    )
    steps, refused = {}, {}
    for case, wasserstein in (("non_saturating", False), ("wgan_gp", True)):
        for setting, options in SETTINGS.items():
            if options["compiled"] and not shutil.which("g++"):
                refused[f"{case}, {setting}"] = "no C++ compiler"
                continue
            step = Step(networks, batch, latent, wasserstein=wasserstein, **options)
            try:
                for _ in range(3):
                    step()
            except Exception as error:  # what a PyTorch cannot compile is no contender
                refused[f"{case}, {setting}"] = f"{type(error).__name__}: {str(error)[:200]}"
                continue
            steps[case, setting] = step
    parameters = [sum(p.numel() for p in network.parameters()) for network in networks]
    return steps, {"version": torch.__version__, "parameters": parameters, "refused": refused}


def main() -> None:
    """Announces what can be timed, then answers requests until standard input ends."""
    settings = json.loads(sys.argv[1])
    torch.set_num_threads(settings["threads"])
    torch.manual_seed(SEED)
    steps, about = working_steps(settings)
    print(json.dumps(about | {"settings": list(steps)}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        step = steps[request["case"], request["setting"]]
        step()  # wakes the threads and fills the caches, like the first call of the others
        start = time.perf_counter(), time.process_time()
        for _ in range(request["steps"]):
            step()
        ends = time.perf_counter(), time.process_time()
        seconds = [(b - a) / request["steps"] for a, b in zip(start, ends, strict=True)]
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
