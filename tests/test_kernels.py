"""A kernel that is a fork of a process with the libraries is, in all else, the kernel that Jupyter would start."""

import json
import os
import signal
import sys
import time
from pathlib import Path

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
    client.execute_interactive(code, timeout=30, output_hook=keep)
    return json.loads("".join(printed))


def ends(process: int) -> bool:
    for _ in range(100):
        if not Path(f"/proc/{process}").exists():
            return True
        time.sleep(0.1)
    return False


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
        client.execute("import time; time.sleep(60)")
        time.sleep(1)
        manager.interrupt_kernel()
        assert client.get_shell_msg(timeout=10)["content"]["ename"] == "KeyboardInterrupt"


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
    assert not manager.is_alive()


def test_a_server_that_cannot_import_is_an_error(start, capfd):
    with warm_kernels(("no_such_library",)), pytest.raises(RuntimeError, match="Kernel died"):
        start()
    assert "No module named 'no_such_library'" in capfd.readouterr().err
