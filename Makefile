# Two commands to begin with: `make run` and `make test`. They need Python 3.11 or newer, and make; the rest is set up in .venv.

.DEFAULT_GOAL := help
.PHONY: help run test test-all nightly lint mutants docs clean setup setup-test setup-all
SHELL := /bin/sh

, := ,
VENV := .venv
BIN := $(VENV)/bin
# Tests at a time. DuckDB and Polars use every core by themselves, so more than two gains little.
WORKERS ?= 2
PIP := $(BIN)/python -m pip install --quiet --quiet --no-compile --disable-pip-version-check -c constraints.txt
# Judges of `make test-all` that ask for older releases of what we need, and work with ours.
ALONE := gbstats scikit-uplift
# Tests of one file share its fixtures, so a file stays with one worker.
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help:  ## what can be done here
	@echo "justenough: batch personalisation that helps, with just enough data"
	@echo
	@sed -n 's/^\([a-z][a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'
	@echo
	@echo "  first      make run, then look into outbox/"
	@echo "  more       $(BIN)/justenough --help"
	@echo "  variables  PYTHON=/path/to/python3.11 (which Python .venv is made with), WORKERS=2 (tests at a time)"

run: setup  ## set up, then plan and deliver today's messages; the first time on a sample warehouse
	@$(BIN)/justenough run

test: setup-test  ## set up, then the tests that fit ten minutes on two cores
	@$(PYTEST) -q -m "not slow"

test-all: setup-all  ## every test, no skip, 500 cases per property (2,000 of the words), branches of the stages covered by 95 % or more
	@JUSTENOUGH_SKIPS=none HYPOTHESIS_PROFILE=all $(PYTEST) -q -m "not nightly" --cov=flows/stages --cov-branch --cov-report=term-missing:skip-covered
	@$(BIN)/coverage json -q -o coverage.json
	@$(BIN)/python -c "$$COVERED" coverage.json 95

nightly: setup-test  ## what takes hours: two thousand kills
	@$(PYTEST) -q -m nightly -n 0

lint: setup-test  ## style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

mutants: setup-all  ## break the code on purpose, and see that a test notices
	@$(BIN)/python tests/mutants/run.py

docs: setup-test  ## write docs/reference/ from the code
	@$(BIN)/python -m tests.documentation.reference

clean:  ## remove what set-up and tests made; outbox/, .justenough/ and warehouses stay
	@rm -rf $(VENV) build dist *.egg-info .coverage* coverage.json htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find flows tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

setup:
	$(call install,run,.)

setup-test:
	$(call install,test,.[test])

setup-all:
	$(call install,all,.[test$(,)judges])

# $(call install,NAME,WHAT): pip-install WHAT into .venv, unless .venv/.set-up-NAME says that just this was installed already.
# The stamp holds a digest of the requirements rather than a time, so that a changed setting in pyproject.toml,
# which a workspace shares with them, installs nothing anew, and a moved folder does. pip compiles on one core, compileall
# on all of them: 25 s of 100 saved on two.
define install
@$(BIN)/python -m pip --version >/dev/null 2>&1 || { $(find_python) \
	echo "Making $(VENV) with $$($$python --version)"; \
	$$python -m venv $(VENV) || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; }
@$(BIN)/python -c 'import tomllib' 2>/dev/null || { \
	echo "$(VENV) holds $$($(BIN)/python --version), and 3.11 or newer is needed: make clean, then call make again" >&2; exit 1; }
@digest=$$($(BIN)/python -c "$$DIGEST") || exit 1; \
if [ "$$(cat $(VENV)/.set-up-$(1) 2>/dev/null)" != "$$digest" ]; then \
	echo "Installing what make $(1) needs into $(VENV): a minute or two, this once"; \
	$(PIP) -e '$(2)' $(if $(filter all,$(1)),&& $(PIP) --no-deps $(ALONE)) || { \
		echo "The installation failed; pip says why above. Mend that, then call make again." >&2; exit 1; }; \
	$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib flows || true; \
	echo "$$digest" > $(VENV)/.set-up-$(1); \
	$(if $(filter test all,$(1)),echo "$$digest" > $(VENV)/.set-up-run;) \
	$(if $(filter all,$(1)),echo "$$digest" > $(VENV)/.set-up-test;) \
fi
endef

# Sets $python to the first Python that is new enough, or ends with what to do.
define find_python
python=; for candidate in $(PYTHON) $(if $(PYTHON),,python3 python3.11 python3.12 python3.13 python3.14 python); do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$candidate; break; fi; \
done; \
if [ -z "$$python" ]; then \
	echo "Python 3.11 or newer is needed; $(if $(PYTHON),$(PYTHON) is not that,found here: $$(python3 --version 2>&1 || true))." >&2; \
	echo "hint: install it, or name it: make $(firstword $(MAKECMDGOALS) run) PYTHON=/path/to/python3.11" >&2; exit 1; \
fi;
endef

define DIGEST
import hashlib, os, pathlib, tomllib
project = tomllib.loads(pathlib.Path('pyproject.toml').read_text('utf-8'))
parts = [project['build-system'], project['project'], project['tool'].get('hatch'), os.path.realpath('.')]
print(hashlib.sha256((repr(parts) + pathlib.Path('constraints.txt').read_text('utf-8')).encode()).hexdigest())
endef
export DIGEST

define COVERED
import json, pathlib, sys
totals = json.loads(pathlib.Path(sys.argv[1]).read_text('utf-8'))['totals']
share = 100 * totals['covered_branches'] / max(totals['num_branches'], 1)
print(f'branches of flows/stages covered: {share:.1f} % (at least {sys.argv[2]} % are needed)')
sys.exit(share < float(sys.argv[2]))
endef
export COVERED
