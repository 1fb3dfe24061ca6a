"""Headers of NumPy's files: what a small file claims is found out without reading it."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest

from ganapp.training.array_files import DamagedError, npy_header, npz_header, npz_names


def npy(shape, *, content=b"", descr="|u1"):
    """A .npy whose header claims a shape, whatever follows."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


@pytest.fixture
def written(tmp_path):
    """Writes bytes to a file and gives its path."""

    def write(content, name="x.npy"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_what_numpy_writes_is_read(tmp_path, version):
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    with (tmp_path / "x.npy").open("wb") as file:
        np.lib.format.write_array(file, rows, version)
    header = npy_header(tmp_path / "x.npy")
    assert (header.shape, header.dtype, header.nbytes) == ((3, 4), np.float32, 48)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (npy((-5, 8, 8), content=bytes(640)), r"impossible shape \(-5, 8, 8\)"),
        (npy((-5, -8, 8), content=bytes(640)), r"impossible shape \(-5, -8, 8\)"),
        (npy((0, 2**70)), "impossible shape"),
        (npy((5,), descr="|V0"), "impossible shape"),
        (npy((10**10, 28, 28), content=bytes(64)), "claims 7,840,000,000,000 bytes .* 64 follow"),
        (npy((10,), content=bytes(9)), "claims 10 bytes .* 9 follow"),
        (npy((1,), content=bytes(8), descr="|O"), "Python objects"),
        (b"\x93NUMPY\x02\0" + struct.pack("<I", 9000) + b"(" * 8999 + b"\n", "does not begin"),
        (b"\x93NUMPY\x02\0" + struct.pack("<I", 2**32 - 1) + b"{" * 200, "does not begin"),
        (b"", "does not begin"),
        (b"PK\x03\x04 and so on", "does not begin"),
    ],
)
def test_broken_headers_are_refused(written, content, reason):
    with pytest.raises(ValueError, match=reason):
        npy_header(written(content))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValueError, match=reason):
        npz_header(written(packed.getvalue(), "x.npz"), "x")


def test_a_file_of_holes_is_refused(tmp_path):
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(npy((2**40,)))
        os.truncate(file.fileno(), 2**41)
    if (tmp_path / "x.npy").stat().st_blocks > 2**20:
        pytest.skip("this file system has no holes")
    with pytest.raises(ValueError, match="of which the disk holds"):
        npy_header(tmp_path / "x.npy")


def test_members_of_an_archive(tmp_path, written):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((100, 8), np.float64), y=np.arange(100))
    assert npz_names(tmp_path / "x.npz") == ["x", "y"]
    assert npz_header(tmp_path / "x.npz", "x").nbytes == 6400
    with pytest.raises(ValueError, match=r"no .npz"):
        npz_names(written(npy((3,), content=bytes(3)), "y.npz"))
    broken = bytearray((tmp_path / "x.npz").read_bytes())
    broken[0:4] = b"\0\0\0\0"  # the first member does not begin where the archive says
    with pytest.raises(DamagedError, match="it is damaged"):
        npz_header(written(broken, "z.npz"), "x")
    broken[-50:-40] = bytes(10)  # nor does its list of members
    with pytest.raises(ValueError, match="it is"):
        npz_names(written(broken, "z.npz"))
