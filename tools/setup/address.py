"""The address of the book: it stands in `repository.url` of `_config.yml`, and everything else follows.

    python -m tools.setup.address                       let README.md and CITATION.cff say what _config.yml says
    python -m tools.setup.address --check OWNER/NAME    fail if the book does not belong to this repository
"""

import re
import sys
from pathlib import Path

import yaml

from tools.layout import ROOT, published_url, repository_url, site_of

FOLLOW = ("README.md", "CITATION.cff")
# GitHub, Colab and Binder name a repository each in its own way.
PLACES = r"(github\.com/|colab\.research\.google\.com/github/|mybinder\.org/v2/gh/)"


def name_of(url: str) -> str:
    return url.removeprefix("https://github.com/")


def mismatch(repository: str, root: Path = ROOT) -> str | None:
    """What to do where the book would be published for another repository than the one that it lies in."""
    ours = name_of(repository_url(root))
    if ours.lower() == repository.lower():
        return None
    return (
        f"_config.yml says that the book belongs to {ours}, but this repository is {repository}.\n"
        "Its links to Colab, its notebooks and its canonical addresses would lead to the other one.\n"
        f"To publish it from here, set repository.url in _config.yml to https://github.com/{repository},\n"
        "run `make book`, and commit what has changed."
    )


def follow(root: Path = ROOT) -> list[str]:
    """Change the address in README.md and CITATION.cff to that of _config.yml; return which of them changed."""
    here = repository_url(root)
    cited = root / "CITATION.cff"
    before = yaml.safe_load(cited.read_text(encoding="utf-8"))["repository-code"] if cited.exists() else here
    changed = []
    for name in FOLLOW if before != here else ():
        text = (root / name).read_text(encoding="utf-8")
        new = re.sub(PLACES + re.escape(name_of(before)) + r"(?![\w.-]*\w)", rf"\g<1>{name_of(here)}", text)
        new = new.replace(site_of(before), site_of(here))
        if new != text:
            (root / name).write_text(new, encoding="utf-8")
            changed.append(name)
    return changed


def main(arguments: list[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "--check":
        problem = mismatch(arguments[1])
        print(problem or f"the book belongs to {arguments[1]} and is published at {published_url()}")
        return 1 if problem else 0
    if arguments:
        print(__doc__)
        return 2
    print(*(f"{name} written" for name in follow()), sep="\n", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
