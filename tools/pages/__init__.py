"""What the book adds to Sphinx: the extensions in `_config.yml`, what helps them, and `run`, which runs Sphinx."""
