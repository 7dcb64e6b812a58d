"""The environment, its pins, and the address of the repository."""
