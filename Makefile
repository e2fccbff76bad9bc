# Two commands: `make run` and `make test`. Each sets up what it needs in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.bench
COMPILED := build/compiled/.made
PORT ?= 5002
APP ?= lambda_side.demo:resource

.PHONY: run test lint compile bench clean help

help:
	@echo "make run     serve the demo application on http://localhost:$(PORT)"
	@echo "make test    run every test"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make compile build with the path of a request compiled, into build/compiled"
	@echo "make bench   measure (installs wrk, nginx and HAProxy as system packages when root)"
	@echo "make clean   remove what was made"

$(STAMP): setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; name one by: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { echo "making $(VENV) with $(PYTHON)"; $(PYTHON) -m venv $(VENV); }
	@echo "installing what is needed into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: $(STAMP)
	@exec $(BIN)/twistd --nodaemon --pidfile= lambdadispatch \
	  --local '$(BIN)/python -m lambda_side --app $(APP)' --port $(PORT) --access-log

test: $(STAMP)
	@$(BIN)/python tests/run.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

compile: $(COMPILED)

$(COMPILED): $(STAMP) $(shell find lambdadispatch lambda_side -name '*.py')
	@rm -rf build/compiled
	@echo "compiling the path of a request into build/compiled (about a minute; needs a C compiler)"
	@LAMBDADISPATCH_COMPILE=1 $(BIN)/python setup.py --quiet build --build-base build/made --build-lib build/compiled
	@touch $@

# Without CASE all that the table of targets needs: 10 to 17 minutes.
# CASE, ROUNDS, SECONDS, CONTENDERS and ROUTER_FLAGS reach it through the environment.
bench: $(BENCH_STAMP)
	@$(MAKE) --no-print-directory compile || echo "not compiled: the interpreted router is measured"
	@$(BIN)/python -m bench

$(BENCH_STAMP): $(STAMP)
	@echo "installing what measurements need into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info _trial_temp* .pytest_cache .mypy_cache .ruff_cache .hypothesis
