"""A port that nobody new may knock at, while those who have knocked are still let in."""

import ctypes
import socket
import struct
import sys

# A classic BPF program over TCP headers, https://www.kernel.org/doc/html/latest/networking/filter.html
_FLAGS, _SYN = 13, 0x02  # the byte of the flags, and the flag of a packet that opens a connection
_PROGRAM = (
    (0x30, 0, 0, _FLAGS),  # load the byte
    (0x45, 0, 1, _SYN),  # if the flag is set
    (0x06, 0, 0, 0),  # then keep nothing of the packet
    (0x06, 0, 0, 0xFFFFFFFF),  # else all of it
)
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER, which the module `socket` does not name


def ignore_newcomers(listener: socket.socket) -> bool:
    """Lets attempts to connect go unanswered: clients repeat them, and then the port is closed.

    A port that is closed resets the connections that its system has taken and the program has not
    accepted, and the requests in them are lost. With nobody new there comes a moment when there are
    none.

    Args:
        listener: listens for TCP connections.

    Returns:
        Whether the system does it; Linux does.
    """
    if not sys.platform.startswith("linux"):
        return False
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _PROGRAM)
    memory = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(_PROGRAM), ctypes.addressof(memory))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, program)
    except OSError:  # e.g. where a sandbox forbids it
        return False
    return True
