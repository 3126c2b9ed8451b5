# Everything runs from .venv, which is made on first use and again when pyproject.toml changes.

PYTHON ?= python3
PYTEST_ARGS ?= -q -n 2 --dist loadfile --no-loadscope-reorder --durations=10

export PIP_DISABLE_PIP_VERSION_CHECK = 1

VENV := .venv
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: $(INSTALLED) ## the license leak of KB Q257223 and its remedies, in memory
	@$(VENV)/bin/harness run Q257223

.PHONY: scenarios
scenarios: $(INSTALLED) ## every scenario of the catalogue
	@$(VENV)/bin/harness run all

.PHONY: test-fast
test-fast: $(DEVELOPED) ## the tests that start no process: within a minute
	$(VENV)/bin/pytest -m 'not process and not slow' $(PYTEST_ARGS)

.PHONY: test
test: $(DEVELOPED) ## the tests, as CI runs them; PYTEST_ARGS='-k ledger' chooses others
	$(VENV)/bin/pytest -m 'not slow' $(PYTEST_ARGS)

.PHONY: test-all
test-all: $(DEVELOPED) ## these, the ones that take minutes, and eight times the random examples
	$(VENV)/bin/pytest --hypothesis-profile=thorough $(PYTEST_ARGS)

# Each Python has an environment of its own, in which `make test-fast` installs what it needs.
.PHONY: test-pythons
test-pythons: ## test-fast on each Python from 3.11 to 3.14 that is here
	@for version in 3.11 3.12 3.13 3.14; do \
	  if ! python$$version -c '' 2>/dev/null; then absent="$$absent $$version"; continue; fi; \
	  $(MAKE) --no-print-directory VENV=$(VENV)/$$version PYTHON=python$$version test-fast || failed="$$failed $$version"; \
	done; echo "not found:$${absent:- none}; failed:$${failed:- none}"; [ -z "$$failed" ]

.PHONY: trust
trust: $(VENV)/.trust ## what shows that tests and judge catch what they should: 20 minutes; docs/trust.md
	@$(VENV)/bin/python -m tests.trust

$(VENV)/.trust: $(INSTALLED)
	@$(VENV)/bin/python -m pip install -q -e '.[dev,trust]'
	@touch $@

.PHONY: audit
audit: $(INSTALLED) ## known holes in what is installed; needs an index that has them
	@$(VENV)/bin/pip freeze --exclude-editable >$(VENV)/installed.txt
	@$(PYTHON) -m venv $(VENV)/audit && $(VENV)/audit/bin/pip install -q pip-audit
	@$(VENV)/audit/bin/pip-audit --no-deps --disable-pip -r $(VENV)/installed.txt

.PHONY: check
check: $(DEVELOPED) ## lint, format, layers and types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/mypy

.PHONY: bench
bench: $(DEVELOPED) ## measure the speed of the server
	@$(VENV)/bin/python -m benchmarks

.PHONY: bench-compare
bench-compare: $(DEVELOPED) ## count the instructions of the server, and name what has changed; needs valgrind
	@$(VENV)/bin/python -m benchmarks --instructions compare

.PHONY: load
load: $(INSTALLED) ## ten thousand licenses on a Monday morning, over real sockets
	@$(VENV)/bin/harness load --clients 15000 --licenses 10000 --profile morning --leak 1%

.PHONY: docs
docs: $(DEVELOPED) ## the pages of docs/ that are made from the code and the scenarios
	@mkdir -p docs
	@$(VENV)/bin/python -m fakenw.cli.ncp_page >docs/ncp.md
	@$(VENV)/bin/python -m harness.cli.catalogue_page >docs/catalogue.md
	@$(VENV)/bin/python -m harness.cli.commands_page >docs/commands.md
	@$(VENV)/bin/python -m harness.cli.scenario_page >docs/scenario.md
	@$(VENV)/bin/python -m harness.cli.testing_page >docs/testing.md
	@$(VENV)/bin/python -m fakenw.cli.openapi_page >docs/openapi.json

.PHONY: repairs
repairs: $(DEVELOPED) ## docs/repairs.md: thousands of schedules of each repair; some minutes
	@$(VENV)/bin/python -m harness.cli.repairs_page >docs/repairs.md

.PHONY: screenshots
screenshots: $(DEVELOPED) ## the pictures of the operator's page in docs/; needs chromium
	@$(VENV)/bin/python -m tests.screenshots docs

.PHONY: wheel
wheel: $(DEVELOPED) ## dist/fakenw-VERSION: a wheel to install anywhere, and the source archive that it is built from
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-1767225600} $(VENV)/bin/python -m build --no-isolation >/dev/null
	@ls dist/fakenw-*.whl dist/fakenw-*.tar.gz

BASE ?= fakenw-base:bookworm

.PHONY: base-image
base-image: ## a Debian base for the image, if none can be pulled; needs root, debootstrap and Docker
	@docker/base-image.sh fakenw-base:bookworm

.PHONY: image
image: $(INSTALLED) $(if $(filter fakenw-base:bookworm,$(BASE)),base-image) ## the image of server and clients; BASE=python:3.11-slim chooses another base
	@docker/image.sh $(BASE)

.PHONY: lab
lab: image ## a server and a few client machines in containers
	@docker/lab.sh up

.PHONY: lab-down
lab-down: ## remove the lab
	@docker/lab.sh down

.PHONY: bundle
bundle: image ## dist/fakenw-VERSION-bundle.tar, for a computer without a network
	@docker/bundle.sh

.PHONY: venv
venv: $(DEVELOPED) ## install into .venv, with the tools of development; PYTHON=python3.12 chooses another Python

.PHONY: clean
clean: ## remove .venv and generated files
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find fakenw harness benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call install,WHAT,PIP'S ARGUMENTS): says what is installed and how long it took the last time, which the target's file keeps.
define install
	@last=$$(cat $@ 2>/dev/null); began=$$(date +%s); \
	  echo "Installing $(1) into $(VENV), once$${last:+; the last time it took $$last s}"; \
	  $(VENV)/bin/python -m pip install -q $(2) && echo $$(($$(date +%s) - began)) >$@
endef

# Uncompiled, this is half as large and as long: Python compiles what it imports.
$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo >&2 'fakenw needs Python 3.11 or newer, and "$(PYTHON)" is not: try make PYTHON=/path/to/python3.11'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo >&2 '"$(PYTHON)" cannot make a virtual environment, for it lacks ensurepip or venv.'; \
	  echo >&2 'On Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	$(call install,fakenw and harness,--no-compile -e .)

$(DEVELOPED): $(INSTALLED)
	$(call install,the tools of development and tests,-e '.[dev]')
