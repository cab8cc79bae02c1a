# Everything a person repeats. `make train` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test install check format claims bench bench-full bench-reading release-model clean

train: install
	$(BIN)/tenfold train mnist

test: install check
	$(BIN)/python -m pytest -n auto --dist loadfile

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

claims: install
	$(BIN)/python -m benchmarks.claims

bench: install
	$(BIN)/python -m benchmarks

bench-full: install
	$(BIN)/python -m benchmarks --full

bench-reading: install
	$(BIN)/python -m benchmarks.reading

release-model: install
	$(BIN)/python -m benchmarks.release

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
