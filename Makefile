# Everything a person repeats. `make train` and `make test` set up what they need.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test install check format docs claims bench bench-full bench-reading release-model release-check clean

train: install
	$(BIN)/tenfold train mnist

# What one process has compiled is there for the next: many tests start processes, 0.1-0.2 s slower each without.
test: install check
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n auto --dist loadfile

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@echo 'installing into .venv: some minutes, 2.5 GB with everything that tests and documents need'
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

# What the pages embed of the code, the outputs that they show, and the site in build/site.
docs: install
	$(BIN)/cog -r -P -I docs $$(grep -l '\[\[\[cog' docs/*.md)
	$(BIN)/python -m pytest -q tests/docs/test_pages.py --update-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

claims: install
	$(BIN)/python -m benchmarks run claims

bench: install
	$(BIN)/python -m benchmarks all

bench-full: install
	$(BIN)/python -m benchmarks all --full

bench-reading: install
	$(BIN)/python -m benchmarks run reading

release-model: install
	$(BIN)/python -m benchmarks run release-model

release-check: install
	$(BIN)/python -m release

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache build dist
