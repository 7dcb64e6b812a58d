"""For `pytest --nbval chapters`: compare what the notebooks keep, text, and leave pictures and HTML out."""


class Skipped(tuple):
    """nbval's list of what it does not compare, with every kind of output besides plain text."""

    __slots__ = ()

    def __contains__(self, key):
        """Say whether nbval leaves this part of an output out."""  # noqa: DOC201
        return super().__contains__(key) or ("/" in key and key != "text/plain")


def pytest_itemcollected(item):
    """Give each notebook the longer list."""
    if hasattr(item.parent, "skip_compare"):
        item.parent.skip_compare = Skipped(item.parent.skip_compare)
