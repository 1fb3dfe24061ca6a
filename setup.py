"""What pyproject.toml cannot say: which packages there are, and the pins of requirements*.txt."""

from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("models", "training", "export")  # folders that are subpackages of `ganapp`
EXTRAS = ("gpu", "serving", "ray")


def packages() -> list[str]:
    """Every package by the name it is installed under."""
    rooms = [f"ganapp.{name}" for name in find_packages(".") if name.split(".")[0] in ROOMS]
    return ["ganapp", *(f"ganapp.{name}" for name in find_packages("ganapp")), *rooms]


def pins(name: str) -> list[str]:
    """The requirements in a file, without its comments and the files that it names."""
    lines = (line.partition(" #")[0].strip() for line in Path(name).read_text().splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


setup(
    packages=packages(),
    install_requires=pins("requirements.txt"),
    extras_require={name: pins(f"requirements-{name}.txt") for name in EXTRAS},
)
