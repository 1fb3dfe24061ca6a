"""The recipes say what the server says, and serving needs no more than its own requirements."""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import wrappers_pb2 as wrappers
from packaging.requirements import Requirement
from tensorflow_serving.config import model_server_config_pb2

from ganapp.commands.serve import serve
from ganapp.export.server.batching import Batching
from ganapp.export.server.context import Limits
from ganapp.export.server.repository import read_models

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "export" / "deploy"
TF_SERVING = DEPLOY / "tf_serving"


def pins(name):
    lines = (ROOT / name).read_text().splitlines()
    bare = [line.partition("#")[0].strip() for line in lines]
    return dict(line.split("==") for line in bare if "==" in line)


def defaults():
    return {name: each.default for name, each in inspect.signature(serve).parameters.items()}


def batching_parameters():
    """The message of TF Serving's session_bundle_config.proto, which its package leaves out."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="test")
    file.dependency.append(wrappers.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, name in enumerate(names, 1):
        field = message.field.add(name=name, number=number, type=11, label=1)
        field.type_name = ".google.protobuf.Int64Value"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    found = pool.FindMessageTypeByName("test.BatchingParameters")
    return text_format.Parse(
        (TF_SERVING / "batching_parameters.txt").read_text(),
        message_factory.GetMessageClass(found)(),
    )


def test_tf_serving_batches_like_the_server():
    parameters = batching_parameters()
    told = {field.name: value.value for field, value in parameters.ListFields()}
    assert told == vars(Batching())
    assert told == {name: defaults()[name] for name in told}


def test_tf_serving_reads_the_folders_that_publish_writes():
    text = (TF_SERVING / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    for model in config.model_config_list.config:
        assert model.base_path == f"/models/{model.name}"
        assert model.model_platform == "tensorflow"
        assert not model.HasField("model_version_policy")  # the latest, as here
    service = yaml.safe_load((TF_SERVING / "docker-compose.yml").read_text())["services"]
    flags = dict(flag[2:].split("=") for flag in service["tf_serving"]["command"])
    assert int(flags["rest_api_timeout_in_ms"]) == 1000 * Limits().deadline
    assert float(flags["file_system_poll_wait_seconds"]) == defaults()["poll"]
    mounted = {
        each.rsplit(":", 2)[1]: each.rsplit(":", 2)[0] for each in service["tf_serving"]["volumes"]
    }
    for flag in ("model_config_file", "batching_parameters_file"):
        assert (TF_SERVING / mounted[flags[flag]]).is_file()
    assert "/models" in mounted


@pytest.fixture(scope="module")
def kserve():
    text = (DEPLOY / "kserve" / "inference_service.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def test_kserve_finds_its_runtime(kserve):
    runtime, service = kserve["ServingRuntime"], kserve["InferenceService"]
    assert runtime["apiVersion"] == "serving.kserve.io/v1alpha1"
    assert service["apiVersion"] == "serving.kserve.io/v1beta1"
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["protocolVersion"] == "v2"
    assert model["protocolVersion"] in runtime["spec"]["protocolVersions"]
    offered = [each["name"] for each in runtime["spec"]["supportedModelFormats"]]
    assert model["modelFormat"]["name"] in offered


def test_kserve_starts_the_server_with_options_it_has(kserve, version_folders):
    (container,) = kserve["ServingRuntime"]["spec"]["containers"]
    folder, *options = container["args"]
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert {name.lstrip("-") for name in given} <= set(defaults())
    (port,) = container["ports"]
    assert int(given["--port"]) == port["containerPort"]
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == port["containerPort"]
    # What lies at `storageUri` is put into /mnt/models: a folder of models with the service's name.
    assert folder == "/mnt/models"
    place = kserve["InferenceService"]["spec"]["predictor"]["model"]["storageUri"]
    assert re.fullmatch(r"pvc://[a-z0-9-]+/models", place)
    found = read_models(version_folders)
    assert kserve["InferenceService"]["metadata"]["name"] in found


def test_what_serving_needs_is_pinned_as_in_the_whole():
    whole, serving = pins("requirements.txt"), pins("requirements-serving.txt")
    assert serving
    assert serving.items() <= whole.items()
    assert list(serving) == sorted(serving)
    assert pins("requirements-ray.txt").keys() == {"ray[serve]"}


SCRIPT = """
import asyncio, json, sys
from importlib import metadata
import numpy as np
from ganapp import commands
from ganapp.export.server import app, serve
from ganapp.export.server.context import Limits
settings = serve.Settings(poll_seconds=0, limits=Limits(samples=8))
server = serve.make_server(serve.Path(sys.argv[1]), settings)
repository = server.context.repository
async def main():
    await repository.start()
    with repository.lease("digits") as servable:
        scalar = lambda value: np.array(value, np.int32)
        await servable.predict("sample_png", {"count": scalar(2), "seed": scalar(3)})
    app.openapi(server.endpoints, Limits())
    await repository.stop()
asyncio.run(main())
owners = metadata.packages_distributions()
top = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted({owner for name in top for owner in owners.get(name, [])})))
"""


def closure(names):
    """Distributions and what they require, by their metadata."""
    from importlib import metadata

    found, queue = set(), [name.lower() for name in names]
    while queue:
        name = re.sub(r"[-_.]+", "-", queue.pop().lower())
        if name in found:
            continue
        found.add(name)
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def test_the_image_serves_with_its_own_requirements(tmp_path, models):
    """What the Dockerfile copies, and nothing but that, imports no other package."""
    for line in (DEPLOY / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in sources:
                given, place = ROOT / source, tmp_path / "app" / target
                if given.is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(given, place, ignore=ignored)
                else:
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(given, place)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(models)],
        cwd=tmp_path / "app",
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    used = {re.sub(r"[-_.]+", "-", name.lower()) for name in json.loads(done.stdout)}
    assert "tensorflow" not in used
    # What is imported where it is there: by every interpreter, and by anyio.
    assert used - {"ganapp", "setuptools", "sniffio"} <= closure(pins("requirements-serving.txt"))
