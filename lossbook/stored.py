"""The book's stored experiments. They lie in the folder ``bench`` beside the package, and not in it."""

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path


def find_bench() -> Path:
    """Make the modules of ``bench`` importable: the experiments, their results and their tables.

    In a copy of the book the folder is there. Elsewhere, in Colab for instance, the book is cloned once into the
    folder ``book``, from where the package was installed.

    Returns:
        The folder.

    Raises:
        RuntimeError: If the package was not installed from a repository, and there is no copy of the book.

    Example:
        >>> find_bench().name
        'bench'
    """
    bench = Path(__file__).parents[1] / "bench"
    if not (bench / "experiment.py").exists():
        bench = Path("book", "bench").resolve()
        origin = json.loads(distribution("lossbook").read_text("direct_url.json") or "{}")
        if not bench.exists() and "vcs_info" not in origin:
            raise RuntimeError("the stored experiments are not here: lossbook was not installed from a repository; "
                               "clone the book, and run this in its folder")
        if not bench.exists():
            subprocess.run(["git", "clone", "--quiet", "--depth=1", origin["url"], "book"], check=True)
    if str(bench) not in sys.path:
        sys.path.insert(0, str(bench))
    return bench
