# Two commands do everything: `make run` and `make test`. Needs Python >= 3.11 and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
JOBS ?= 2

.PHONY: run test check bench soak clean help

help:
	@echo "make run    environment, default model, the app"
	@echo "make test   environment, lint, types, tests"
	@echo "make check  lint, types and import contracts only"
	@echo "make bench  five benchmarks: speed, the child process, key to echo, grids, prefixes (the rest: bench/README.md)"
	@echo "make soak   the long figures: 2,000 kills, 2,000 power cuts, 10,000 flipped models, 40 rounds of verifying"

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@echo "Making the environment in $(VENV) (a minute or two, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

run: $(STAMP)
	@$(BIN)/workbench models get smollm2-135m --if-missing
	@$(BIN)/workbench --workspace .

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

# The tests that need a Debian package say so by name; in CI a missing one is a failure.
test: check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(PYTEST_ARGS)

bench: $(STAMP)
	$(BIN)/python -m bench

soak: $(STAMP)
	WORKBENCH_SOAK=1 $(BIN)/python -m pytest tests/crash tests/test_malformed.py tests/test_verify_real.py -s --timeout 7200

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
