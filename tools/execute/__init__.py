"""Run the code of the chapters, and keep what came out."""
