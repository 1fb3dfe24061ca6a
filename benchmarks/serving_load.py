"""A `ganapp serve` process and the load that wrk puts on it."""

import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from ganapp.export.server.spec import ServingSpec

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")  # of processor time, a second
# wrk counts what is no success, not which; so its answers are counted here.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[%s]==]
function setup(thread) only = thread end
function response(status)
  local name = "status" .. status
  _G[name] = (_G[name] or 0) + 1
end
function done(summary, latency)
  local counts = {}
  for status = 100, 599 do
    local count = only:get("status" .. status)
    if count then table.insert(counts, string.format('"%%d": %%d', status, count)) end
  end
  for name, count in pairs(summary.errors) do
    if name ~= "status" and count > 0 then
      table.insert(counts, string.format('"%%s": %%d', name, count))
    end
  end
  io.write(string.format('RESULT {"seconds": %%f, "p50": %%f, "p99": %%f, "statuses": {%%s}}\\n',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    table.concat(counts, ", ")))
end
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Load:
    """What a server did in one turn.

    Args:
        statuses: answers by status, and errors of connections by kind.
        rate: answers 200 a second.
        refusals: other answers a second.
        p50: milliseconds to an answer, the middle one.
        p99: and that of the slowest hundredth.
        processor_seconds: of the server.
        processor_milliseconds: of the server, for each answer 200.
        rows_a_batch: on average.
        memory_before: resident, in MB.
        memory_after: likewise.
    """

    statuses: dict[str, int]
    rate: float
    refusals: float
    p50: float
    p99: float
    processor_seconds: float
    processor_milliseconds: float
    rows_a_batch: float
    memory_before: float
    memory_after: float


class Server:
    """A process that serves an export on a free port of loopback.

    Args:
        export: what `ganapp export` wrote.
        **options: of the command `serve`, with underscores.
    """

    def __init__(self, export: Path, **options: object) -> None:
        words = [w for k, v in options.items() for w in (f"--{k.replace('_', '-')}", str(v))]
        command = [sys.executable, "-m", "ganapp", "serve", str(export), "--port", "0", *words]
        environment = {key: value for key, value in os.environ.items() if key != "GANAPP_API_KEY"}
        begin = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--drain", "0"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = re.search(r"Serving ([^\s,]+).* at (http://\S+)/ ", self.process.stdout.readline())
        self.start_seconds = time.monotonic() - begin
        if found is None:
            raise SystemExit("The server did not start; what it said is above.")
        self.address = found[2]
        self.predict = f"{self.address}/v1/models/{found[1]}:predict"

    def bear(self, body: bytes, *, clients: int, seconds: float) -> Load:
        """Lets clients send a body again and again for some seconds."""
        memory, processor, batches, rows = self._state()
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(SCRIPT % body.decode())
            script.flush()
            words = ["-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
            done = subprocess.run(
                ["wrk", *words, "-s", script.name, self.predict], capture_output=True, text=True
            )
        result = re.search("RESULT (.*)", done.stdout)
        if result is None:
            raise SystemExit(f"wrk failed.\n{done.stdout}{done.stderr}")
        said = json.loads(result[1])
        after = self._state()
        good = said["statuses"].get("200", 0)
        answered = sum(n for status, n in said["statuses"].items() if status.isdigit())
        return Load(
            statuses=said["statuses"],
            rate=good / said["seconds"],
            refusals=(answered - good) / said["seconds"],
            p50=said["p50"],
            p99=said["p99"],
            processor_seconds=after[1] - processor,
            processor_milliseconds=1e3 * (after[1] - processor) / max(1, good),
            rows_a_batch=(after[3] - rows) / max(1, after[2] - batches),
            memory_before=memory,
            memory_after=after[0],
        )

    def close(self) -> None:
        """Ends the process."""
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def memory(self) -> float:
        """Resident MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    def _state(self) -> tuple[float, float, float, float]:
        """Resident MB, processor seconds so far, batches so far and rows in them."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        figures = urllib.request.urlopen(f"{self.address}/metrics").read().decode()
        count, total = (
            sum(
                float(n)
                for n in re.findall(rf"^ganapp_batch_rows_{kind}{{.*}} (\S+)$", figures, re.M)
            )
            for kind in ("count", "sum")
        )
        return self.memory(), (int(fields[11]) + int(fields[12])) / TICKS, count, total


def serving_file(export: Path) -> Path:
    """What the first version in an export says of itself."""
    path = next(iter(sorted(export.glob("models/*/*/assets.extra/serving.json"))), None)
    if path is None:
        raise SystemExit(f"`--export` must be what `ganapp export` wrote. Received: {export}")
    return path


def request_body(export: Path) -> bytes:
    """A request for one sample of fixed inputs."""
    row = {}
    for each in ServingSpec.read(serving_file(export).parents[1]).inputs:
        numbers = [round((7 * place % 11 - 5) / 5, 1) for place in range(math.prod(each.shape))]
        row[each.name] = np.reshape(numbers, each.shape).tolist()
    return json.dumps({"instances": [row]}).encode()
