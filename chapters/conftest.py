"""For `pytest --nbval chapters`: compare what the notebooks keep, text, and leave pictures and HTML out."""


class Skipped(tuple):
    """nbval's list of what it does not compare, with every kind of output besides plain text."""

    __slots__ = ()

    def __contains__(self, key):
        return super().__contains__(key) or ("/" in key and key != "text/plain")


def pytest_itemcollected(item):
    if hasattr(item.parent, "skip_compare"):
        item.parent.skip_compare = Skipped(item.parent.skip_compare)
