"""A prompt workbench for the terminal."""
