"""The worker's bounds as bare numbers: its process reads them, and must start fast."""

from __future__ import annotations

MEMORY_BYTES = 512 << 20
OUTPUT_CHARS = 4 << 20
INPUT_BYTES = 16 << 20
WALL_SECONDS = 5.0
