"""Each page as slides; the book as EPUB, as PDF, and its questions as a bank."""
