"""Sphinx extension of this book: what the theme and myst-nb do not do by themselves."""
from pathlib import Path
import sys
sys.path.insert(0, str(Path(__file__).parent))
from book import cache_path


def use_keyed_cache(app, config):
    config.nb_execution_cache_path = str(cache_path())


def setup(app):
    app.connect("config-inited", use_keyed_cache, priority=10)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
