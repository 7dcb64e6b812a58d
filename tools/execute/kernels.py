"""Start kernels that find the libraries imported: each is a fork of one process, which imported them once.

    with warm_kernels():   kernels that are started here, or by a program that is started here

A kernel spends 4 s of the processor on imports, a fork almost nothing. In all else it is the kernel that Jupyter would
start: the same program, with the folder, the environment, the path and the priority that it is given.

    python kernels.py NUMBER NAME ...    import libraries, fork for each who calls at the open socket of this number,
                                         end with the standard input
    python kernels.py ADDRESS -f FILE    be a kernel for Jupyter: call, pass signals on, end with the fork

It is started by the path of this file, since the folder and the modules of a kernel are the reader's.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

# What the chapters import, and what torch imports for the first optimizer. Not lossbook: tests run changed copies.
LIBRARIES = ("altair", "matplotlib.pyplot", "pooch", "scipy.stats", "sklearn.datasets", "sklearn.model_selection",
             "torch._dynamo")


def specify(folder: Path, name: str, *argv: str) -> None:
    """Tell Jupyter, where `folder` is on its path, how to start the kernel of that name."""
    file = folder / "kernels" / name / "kernel.json"
    file.parent.mkdir(parents=True)
    how = {"argv": [*argv, "-f", "{connection_file}"], "display_name": name, "language": "python"}
    file.write_text(json.dumps(how), encoding="utf-8")


@contextlib.contextmanager
def warm_kernels(libraries: tuple[str, ...] = LIBRARIES) -> Iterator[None]:
    """Serve kernels inside the block, in the present environment; elsewhere than on Linux they stay cold."""
    if sys.platform != "linux" or "LOSSBOOK_KERNELS" in os.environ:  # of a process that started this one
        yield
        return
    # A socket has an address of at most 107 bytes.
    place = "/tmp" if len(os.fsencode(tempfile.gettempdir())) > 80 else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        address = str(Path(folder, "socket"))
        specify(Path(folder), "python3", sys.executable, __file__, address)
        with socket.socket(socket.AF_UNIX) as door:  # open from here on: who calls early waits for the imports
            door.bind(address)
            door.listen()
            number = door.fileno()
            command = [sys.executable, __file__, str(number), *libraries]
            options = {"stdin": subprocess.PIPE, "pass_fds": [number], "start_new_session": True}
            server = subprocess.Popen(command, **options)
        paths = os.pathsep.join(filter(None, (folder, os.environ.get("JUPYTER_PATH"))))
        with server, patch.dict(os.environ, JUPYTER_PATH=paths, LOSSBOOK_KERNELS=folder):
            try:
                yield
            except BaseException:
                server.kill()  # it may still be at its imports
                raise


def serve(number: int, libraries: list[str]) -> None:
    """Import, then fork for each caller."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as ipykernel sets it
    os.environ["JPY_PARENT_PID"] = str(os.getpid())  # a kernel ends with its parent, which is this process
    for name in ("ipykernel.kernelapp", *libraries):
        importlib.import_module(name)
    gc.freeze()  # or the collector would touch, and so copy, everything in every fork
    imports = str(round(time.process_time(), 2))

    def reap(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(fileno=number) as server:
        while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
            caller, _ = server.accept()
            if os.fork() == 0:
                server.close()
                be_kernel(caller, imports)
            caller.close()


def be_kernel(caller: socket.socket, imports: str) -> None:
    """In the fork: take over the caller's streams, folder, environment, path and priority, and run the kernel.

    The kernel finds in its environment the seconds of the processor that it has been spared, as LOSSBOOK_IMPORTS.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(caller, 1, 3)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    caller.sendall(f"{os.getpid()}\n".encode())
    given = json.loads(caller.makefile().readline())
    os.nice(max(0, given["nice"] - os.nice(0)))
    os.chdir(given["folder"])
    os.environ.clear()
    os.environ.update(given["environment"], LOSSBOOK_IMPORTS=imports)
    sys.path[:] = given["path"]
    sys.argv = ["ipykernel_launcher", *given["arguments"]]

    def follow() -> None:
        caller.recv(1)  # returns when the caller has ended
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    os._exit(0)  # to tear everything down would copy it


def call(address: str, arguments: list[str]) -> None:
    """Ask for a fork with this process's streams, folder, environment, path and priority; end when it ends."""
    given = {"folder": str(Path.cwd()), "environment": dict(os.environ), "path": sys.path, "nice": os.nice(0)}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        socket.send_fds(server, [b"+"], [0, 1, 2])
        server.sendall(json.dumps({**given, "arguments": arguments}).encode() + b"\n")
        kernel = int(server.makefile().readline())
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(kernel, number))
        server.recv(1)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which Python puts there
    place, *others = sys.argv[1:]
    if others[:1] == ["-f"]:
        call(place, others)
    else:
        serve(int(place), others)
