"""Two replicas on a local Ray cluster: `run_ray_serve.py MODELS PORT OUT` writes what they did."""

import json
import sys
import urllib.request
from pathlib import Path

import ray
from ray import serve

from ganapp.export.deploy.ray_serve import application

BODY = json.dumps({"signature_name": "sample_png", "inputs": {"count": 2, "seed": 3}}).encode()


def main() -> None:
    models, port = sys.argv[1], int(sys.argv[2])
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(application({"models": models, "replicas": "2"}), name="ganapp")
    try:
        url = f"http://127.0.0.1:{port}/v1/models/digits"
        answers = []
        for _ in range(20):
            with urllib.request.urlopen(f"{url}:predict", BODY, 30) as answer:
                answers.append(json.load(answer)["outputs"])
        with urllib.request.urlopen(url, timeout=30) as answer:
            status = json.load(answer)["model_version_status"]
        deployment = serve.status().applications["ganapp"].deployments["ganapp"]
        found = {
            "running": deployment.replica_states.get("RUNNING", 0),
            "different": len({json.dumps(each) for each in answers}),
            "first": answers[0],
            "versions": [each["version"] for each in status],
        }
        Path(sys.argv[3]).write_text(json.dumps(found))
    finally:
        serve.shutdown()
        ray.shutdown()


if __name__ == "__main__":
    main()
