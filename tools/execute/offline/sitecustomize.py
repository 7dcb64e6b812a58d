"""Refuse every connection that leaves this machine, in each Python process that finds this folder on PYTHONPATH.

The build and the notebooks run under this guard, so a chapter that needs the network cannot pass.
"""

import sys


def _refuse(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else "localhost"
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and host not in {"localhost", "::1", "0.0.0.0"} and not host.startswith("127."):
        raise ConnectionError(f"the book is built without the network, but something asked for {host!r}")


sys.addaudithook(_refuse)
