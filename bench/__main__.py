"""``python -m bench``: the benchmarks that need nothing but the default model, one after the other."""

from __future__ import annotations

import runpy

NAMES = ("bench.speed", "bench.speed_engine", "bench.echo", "bench.grid", "bench.prefix")


def main() -> None:
    for name in NAMES:
        print(f"== {name}", flush=True)
        runpy.run_module(name, run_name="__main__")


if __name__ == "__main__":
    main()
