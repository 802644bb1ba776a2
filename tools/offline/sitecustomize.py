"""No network: with this folder on PYTHONPATH, a Python process reaches its own machine and nothing else.

Kernels that execute or test a notebook, and the unit tests, run with it: a download fails at once and says so.
"""

import socket

_LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "::", "", None}
_connect, _connect_ex, _getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _refuse_outside(host: object) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in _LOCAL and not str(name).startswith("127.") and name != socket.gethostname():
        raise OSError(f"no network here: the course downloads nothing when it runs or is tested (tried {name})")


def _address(sock: socket.socket, address: object) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
        _refuse_outside(address[0])


def _guarded_connect(self: socket.socket, address: object) -> None:
    _address(self, address)
    return _connect(self, address)


def _guarded_connect_ex(self: socket.socket, address: object) -> int:
    _address(self, address)
    return _connect_ex(self, address)


def _guarded_getaddrinfo(host: object, *args: object, **kwargs: object) -> list:
    _refuse_outside(host)
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _guarded_connect
socket.socket.connect_ex = _guarded_connect_ex
socket.getaddrinfo = _guarded_getaddrinfo
