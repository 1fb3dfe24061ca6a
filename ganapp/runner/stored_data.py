"""What a run keeps of its data, so that drawing samples needs the run and nothing else."""

import dataclasses
import io
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from ganapp.config.schema import Config
from ganapp.errors import UserError
from ganapp.runner.networks import check_conditions, class_shares, is_told_classes
from ganapp.runner.pictures import Backdrop, backdrop_of
from ganapp.runs import Run
from ganapp.training.data import DataSpec, Source
from ganapp.training.data.mixtures import Mixture
from ganapp.training.files import write_atomically

# Real examples that pictures of points and tables show behind the samples: enough for their
# histograms, and few enough that a run does not become a copy of the data.
EXAMPLES = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoredData:
    """What the networks and the pictures of a run need to know of its data.

    Args:
        spec: shapes, units, classes, and the columns of a table.
        class_shares: share of each class in the training examples; empty where the generator is
            told no classes.
        backdrop: what pictures of samples show behind them.
    """

    spec: DataSpec
    class_shares: tuple[float, ...]
    backdrop: Backdrop

    def write(self, run: Run) -> None:
        """Writes all but `spec`, which is in the manifest, to the run.

        The same data give the same bytes.
        """
        arrays: dict[str, np.ndarray] = {
            "class_shares": np.asarray(self.class_shares, np.float64),
            "stacked": np.asarray(self.backdrop.stacked),
        }
        if self.backdrop.modes is not None:
            arrays |= {
                "centres": np.asarray(self.backdrop.modes.centres),
                "sigma": np.asarray(self.backdrop.modes.sigma),
            }
        if self.backdrop.real is not None:
            arrays["real"] = np.asarray(self.backdrop.real)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_atomically(run.data, buffer.getvalue())


def stored_data_of(config: Config, source: Source) -> StoredData:
    """What a run on this source will keep.

    Raises:
        ValueError: the generator is to be told classes that the data do not have, or that no part
            of the discriminator looks at, or the other way round.
    """
    check_conditions(config, source.spec)
    shares = class_shares(source) if is_told_classes(config) else ()
    backdrop = backdrop_of(source, examples=EXAMPLES)
    return StoredData(spec=source.spec, class_shares=shares, backdrop=backdrop)


def read_stored_data(run: Run) -> StoredData | None:
    """What the run has kept of its data; `None` where it has not started, or is an old one.

    Raises:
        UserError: a file of it is damaged.
    """
    described = (run.read_manifest() or {}).get("data")
    try:
        with run.data.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = dict(found)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise run.damaged(run.data) from error
    if described is None:
        return None
    try:
        spec = DataSpec.from_dict(described)
        shares = tuple(map(float, arrays["class_shares"]))
        return StoredData(spec=spec, class_shares=shares, backdrop=_backdrop(spec, arrays))
    except KeyError as error:
        raise run.damaged(run.data) from error
    except (TypeError, ValueError) as error:
        raise UserError(
            f"The manifest {run.manifest} describes data that this ganapp does not know: "
            f"{str(error).strip()}"
        ) from error


def _backdrop(spec: DataSpec, arrays: Mapping[str, np.ndarray]) -> Backdrop:
    modes = Mixture(arrays["centres"], float(arrays["sigma"])) if "centres" in arrays else None
    return Backdrop(
        spec=spec, stacked=bool(arrays["stacked"]), modes=modes, real=arrays.get("real")
    )
