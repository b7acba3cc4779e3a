# Every command of this repository. `make` alone lists them. Needs Python 3.11 or newer, never root.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-fast soak check format bench docs engines coverage clean distclean

ENGINE ?= memory
# As many processes as there are cores, each with engines of its own; ARGS="-n 0" for one, and for --pdb.
SPREAD := -n auto --maxprocesses 4 --dist worksteal
SERVE ?=
ARGS ?=

BIN := .venv/bin
# The first of these that is new enough; PYTHON=… chooses another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
MAKE_VENV = $(UV) venv --quiet --python $(PYTHON) .venv
INSTALL = $(UV) pip install --quiet --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv --clear .venv && $(INSTALL) --upgrade 'pip>=25.1'
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
endif

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/stamp-demo ## Run the bookmarks example; ENGINE=memory|dynamodb-local|dynoxide, SERVE=1 serves it
	$(BIN)/python -m examples.bookmarks.demo --engine $(ENGINE) $(if $(filter-out 0,$(SERVE)),--serve)

test: .venv/stamp-test ## Run the suite on every engine of this machine, with coverage; ARGS=… goes to pytest
	@$(BIN)/python -m dynamorm_async.testing.engines install --if-possible
	$(BIN)/python -m pytest $(SPREAD) $(ARGS) --cov

test-fast: .venv/stamp-test ## Run what needs no process of its own, in seconds; ARGS=… goes to pytest
	$(BIN)/python -m pytest $(SPREAD) -m "not slow" $(ARGS)

soak: .venv/stamp-test ## Ask 20,000 random tables on all engines and send 200,000 calls among faults, for an hour; ARGS=… goes to pytest
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest $(SPREAD) tests/client/test_query_model_based.py $(ARGS)
	DYNAMORM_SOAK_CALLS=200000 $(BIN)/python -m pytest $(SPREAD) tests/transport/fast/test_soak.py $(ARGS)

check: .venv/stamp-test .venv/stamp-check ## Check format, lint, types and the imports between rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/stamp-check ## Format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/stamp-test .venv/stamp-bench ## Run the benchmarks; ARGS="verbs --only get" chooses, ARGS=--save renews what is tracked
	$(BIN)/python -m benchmarks $(ARGS)

docs: .venv/stamp-demo .venv/stamp-docs ## Build the documentation into docs/_build/html; a broken reference fails
	$(BIN)/python -m sphinx -n -W --keep-going -b html docs docs/_build/html

engines: .venv/stamp-demo ## Fetch the engines that can be fetched here, and list what is ready
	$(BIN)/python -m dynamorm_async.testing.engines install $(ARGS)
	@$(BIN)/python -m dynamorm_async.testing.engines

coverage: .venv/stamp-test ## Show what the last `make test` did not reach; pages in htmlcov/
	$(BIN)/python -m coverage html
	$(BIN)/python -m coverage report

clean: ## Remove what was built and cached; keeps .venv
	rm -rf build dist docs/_build htmlcov .coverage .coverage.* coverage.xml
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## Remove .venv, too
	rm -rf .venv

# A stamp for each set of packages: nothing is installed again unless pyproject.toml changes.
.venv/stamp-demo: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable '.[demo]'
	@touch $@

.venv/stamp-test .venv/stamp-check .venv/stamp-docs .venv/stamp-bench: .venv/stamp-%: pyproject.toml | $(BIN)/python .venv/stamp-demo
	$(INSTALL) --group $*
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer on the PATH: install one, or name it: make PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is no Python 3.11 or newer: name another: make PYTHON=…"; exit 1; }
	@$(if $(UV),,$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "$(PYTHON) has no venv: install it (Debian: python3-venv), or install uv"; exit 1; })
	$(MAKE_VENV) || { rm -rf .venv; exit 1; }
