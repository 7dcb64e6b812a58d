"""Judges for the exercises that ask for code: each calls the reader's function and says what is right or wrong.

A judge has the name of its exercise. It returns one sentence: which properties hold, or which one fails first and for
which input. It needs nothing but ``lossbook``, so it works in a notebook of one's own, too.
"""

from lossbook.exercises.ctc import best_alignment, ctc

__all__ = ["best_alignment", "ctc"]
