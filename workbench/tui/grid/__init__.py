"""Grids on the screen: the wish and its plan, the run that goes on behind, the table, its pages."""
