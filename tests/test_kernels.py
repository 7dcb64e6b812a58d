"""A kernel that is a fork of a process with the libraries is, in all else, the kernel that Jupyter would start."""

import json
import os
import select
import signal
import sys

import pytest
from jupyter_client.manager import start_new_kernel

from tools.execute.kernels import warm_kernels

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere kernels stay cold")
ASK = """
import json, os, sys
print(json.dumps({
    "names": sorted(name for name in globals() if not name.startswith("_")), "main": __name__,
    "folder": os.getcwd(), "path": sys.path,
    "variables": [os.environ.get(name) for name in ("ASKED", "SERVERS", "MPLBACKEND")],
    "process": os.getpid(), "nice": os.nice(0), "imported": "wave" in sys.modules,
    "imports": os.environ.get("LOSSBOOK_IMPORTS", 0),
}))
"""


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Start a kernel in a folder of its own: cold, or inside `with warm_kernels(...)` a fork."""
    started = []
    for name in ("JUPYTER_PATH", "LOSSBOOK_KERNELS"):  # of a server beside which the tests run
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ASKED", "x")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def kernel():
        started.append(start_new_kernel(cwd=str(tmp_path), preexec_fn=lambda: os.nice(1)))
        return started[-1]

    yield kernel
    for manager, client in started:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def answer(client, code: str) -> dict:
    printed = []
    keep = lambda message: printed.append(message["content"].get("text", ""))  # noqa: E731
    client.execute_interactive(code, timeout=60, output_hook=keep)
    return json.loads("".join(printed))


def ends(process: int) -> bool:
    """Wait until a process has ended: then its descriptor can be read."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 60)[0])
    finally:
        os.close(descriptor)


def test_a_fork_has_what_jupyter_gives_and_is_spared_the_imports(start, monkeypatch):
    cold = answer(start()[1], ASK)
    monkeypatch.setenv("SERVERS", "the variable of a server is none of its forks")
    with warm_kernels(("wave",)):
        monkeypatch.delenv("SERVERS")
        fork = answer(start()[1], ASK)
    assert "LOSSBOOK_KERNELS" not in os.environ
    assert fork["nice"] == os.nice(0) + 1
    assert (cold.pop("imported"), fork.pop("imported")) == (False, True)
    assert (float(cold.pop("imports")), float(fork.pop("imports")) > 0.1) == (0, True)
    assert cold.pop("process") != fork.pop("process")
    assert fork == cold


def test_a_fork_is_interrupted(start):
    with warm_kernels(("wave",)):
        manager, client = start()
        client.execute("import time; print('asleep', flush=True); time.sleep(600)")
        while client.get_iopub_msg(timeout=60)["content"].get("text") != "asleep\n":
            pass
        manager.interrupt_kernel()
        while (reply := client.get_shell_msg(timeout=60))["msg_type"] != "execute_reply":
            pass
        assert reply["content"].get("ename") == "KeyboardInterrupt", reply["content"]


def test_a_fork_ends_with_the_process_that_asked_for_it(start):
    with warm_kernels(("wave",)):
        manager, client = start()
        process = answer(client, ASK)["process"]
        os.kill(manager.provisioner.pid, signal.SIGKILL)
        assert ends(process)


def test_forks_end_with_their_server(start):
    with warm_kernels(("wave",)):
        manager, client = start()
        process = answer(client, ASK)["process"]
    assert ends(process)
    assert ends(manager.provisioner.pid)


def test_a_server_that_cannot_import_is_an_error(start, capfd):
    with warm_kernels(("no_such_library",)), pytest.raises(RuntimeError, match="Kernel died"):
        start()
    assert "No module named 'no_such_library'" in capfd.readouterr().err
