"""The headless face: one module per sub-command, one writer for stdout (data) and one for stderr (talk)."""
