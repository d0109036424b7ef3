# `make help` lists the verbs. Only Python 3.11+ and make are needed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile
RULES  := tests/semgrep
SEMGREP := .venv-semgrep
# It asks nobody anything and leaves nothing outside of its folder.
SCAN    = PATH=$(CURDIR)/$(SEMGREP)/bin:$$PATH SEMGREP_SEND_METRICS=off SEMGREP_ENABLE_VERSION_CHECK=0 \
  SEMGREP_SETTINGS_FILE=$(CURDIR)/$(SEMGREP)/settings.yml SEMGREP_LOG_FILE=$(CURDIR)/$(SEMGREP)/semgrep.log semgrep
ROOMS  := cli.py config connectors dashboard mapping notify sandbox store sync verbs
# Whoever is told to keep no compiled files compiles every library again in each process that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test test-long prove check format crash crash-pull sim chaos pitfalls machines planted bench lock sbom docs clean

help:  ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Keepwell needs Python 3.11 or newer; '$(PYTHON)' is not. Name one: make PYTHON=python3.12 …" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing Keepwell into $(VENV) (hash-checked from requirements.lock)" >&2
	@$(PIP) --no-deps --require-hashes -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the development tools into $(VENV)" >&2
	@$(PIP) --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

$(SEMGREP)/.done: requirements-semgrep.lock | $(VENV)/bin/python
	@echo "Installing semgrep into $(SEMGREP)" >&2
	@$(PYTHON) -m venv $(SEMGREP)
	@$(SEMGREP)/bin/python -m pip --disable-pip-version-check install --quiet --no-compile --no-deps --require-hashes \
	  -r requirements-semgrep.lock
	@touch $@

setup: $(VENV)/.runtime  ## install Keepwell into .venv
setup-dev: $(VENV)/.dev  ## install Keepwell and the development tools into .venv

demo: $(VENV)/.runtime  ## the whole job against two local CRMs, with no account anywhere
	@$(BIN)/keepwell demo

# In the order of the folders, not the files with most tests first: those are the quick ones, and the long would come last.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev  ## what shows a change right or wrong, on two processes
	@$(PYTEST) -m "not long"

test-long: $(VENV)/.dev  ## the other tests: kills, bad lines, days in virtual time, whole runs on PostgreSQL
	@$(PYTEST) -m long

# The same each time. Every named point on both stores with both CRMs, 200 double kills; the others as they are.
prove: SEED ?= 1
prove: $(VENV)/.dev sim machines planted  ## the write path in one go: kills, a month, histories, planted bugs
	@$(BIN)/python -m tests.rig.crash --crms hubspot,salesforce --parts points,doubles --scenarios 1 --doubles 200

check: $(VENV)/.dev $(SEMGREP)/.done  ## lint, format, types, import contracts, security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(ROOMS) benchmarks docs/tools
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(ROOMS) deploy
	$(SCAN) test --strict $(RULES)
	$(SCAN) scan --metrics=off --disable-version-check --strict --error --quiet --config $(RULES) $(ROOMS) deploy

format: $(VENV)/.dev  ## format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crash: $(VENV)/.dev  ## kill runs wherever they can die, on both stores, with each CRM; LONG=1 at every edge, 10,000 by chance
	@$(BIN)/python -m tests.rig.crash $(if $(LONG),--long)

crash-pull: $(VENV)/.dev  ## kill a first pull at every page, on both stores, and compare what the next one makes of it
	@$(BIN)/python -m tests.flow.crash_pull

sim: $(VENV)/.dev  ## thirty days in virtual time: three workers, faults, kills, people; LONG=1 for a year
	@$(BIN)/python -m tests.sim --days $(if $(LONG),365,30)

chaos: sim  ## the same, then runs over a line that breaks bytes; LONG=1 for more of both
	@$(BIN)/python -m tests.chaos --seeds $(if $(LONG),100,10)

pitfalls: $(VENV)/.dev  ## undo the answer to each known pitfall, one at a time, and see that its test fails
	@$(BIN)/python -m tests.pitfalls.undone

machines: $(VENV)/.dev  ## 2,000 histories with each state machine of the write path (EXAMPLES=100000 MINUTES=60 SEED=1)
	@$(BIN)/python -m tests.machines --examples $(or $(EXAMPLES),2000) $(if $(MINUTES),--minutes $(MINUTES)) \
	  $(if $(SEED),--seed $(SEED))

planted: $(VENV)/.dev  ## plant a bug in the write path, one at a time, and see that the tests notice each
	@$(BIN)/python -m tests.rig.planted

bench: $(VENV)/.dev  ## figures as ratios against floors measured in the same run
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev  ## resolve the dependencies anew into the hash-pinned lock files
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header pyproject.toml --group build --group dev -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --group semgrep -o requirements-semgrep.lock

sbom: $(VENV)/.dev  ## what the image is made of, as build/sbom.json (CycloneDX)
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json requirements.lock

docs: $(VENV)/.dev  ## the documentation as a site, in build/site; every link is checked
	@$(BIN)/python -m mkdocs build --strict
	@echo "Open build/site/index.html" >&2

clean:  ## remove what was built or installed here
	rm -rf $(VENV) $(SEMGREP) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
