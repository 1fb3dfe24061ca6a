"""The Ray Serve application, on a local cluster where Ray is installed."""

import asyncio
import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ganapp.export.deploy.ray_serve import builder, read
from ganapp.export.server.servable import Servable

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def sampled(folder):
    """What the version itself answers."""

    async def within():
        servable = Servable.open(folder, engine="litert")
        try:
            inputs = {"count": np.array(2, np.int32), "seed": np.array(3, np.int32)}
            return (await servable.predict("sample_png", inputs))["image_bytes"].tolist()
        finally:
            await servable.close()

    return asyncio.run(within())


def test_arguments():
    settings, batching = read({"models": "/srv/models", "replicas": "3", "max_batch_size": "8"})
    assert settings == {"models": "/srv/models", "engine": "litert", "poll_seconds": 2.0}
    assert batching == {"max_batch_size": 8}
    with pytest.raises(ValueError, match=r"`models` must be the absolute path .*'models'"):
        read({"models": "models"})
    with pytest.raises(ValueError, match=r"`arguments` may be .*Received: model$"):
        read({"model": "/srv/models"})


def test_a_replica_starts_with_its_application(models):
    settings, batching = read({"models": str(models)})
    app = builder(**settings, batching=batching)()

    async def within():
        async with app.lifespan(app):
            return app.context.repository.models()

    assert asyncio.run(within()) == {"digits": {1: "AVAILABLE"}}


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: requirements-ray.txt"
)
def test_two_replicas_answer_like_the_version_itself(models, free_port, tmp_path):
    out = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, str(HERE / "run_ray_serve.py"), str(models), str(free_port), str(out)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert (found["running"], found["different"], found["versions"]) == (2, 1, ["1"])
    pictures = [base64.b64decode(each["b64"]) for each in found["first"]]
    assert pictures == sampled(models / "digits" / "1")
