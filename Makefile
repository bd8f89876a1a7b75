# The workflow of Flipwatch. `make help` lists it; every target sets up what it needs.
#
#   make install            what runs it, for an operator
#   make demo               the whole bot on this machine, without keys
#   make demo PORT=8123     the same at another port
#   make demo SCENARIO=record   the documented record of a real engine
#   make test               all tests
#   make test ARGS=tests/bot
#   make bench ONLY=fanout_flip_100k
#   PYTHON=python3.12 make test

PYTHON ?= python3
PORT ?=
SCENARIO ?=
ARGS ?=
ONLY ?=
N ?=
REAL ?=
# Tests run in as many processes as there are cores, but at most so many.
JOBS ?= auto
MAX_JOBS ?= 8

VENV := .venv
BIN := $(VENV)/bin
# what runs Flipwatch, and all that developing it needs besides
RUNS := $(VENV)/.runs
INSTALLED := $(VENV)/.installed
RUN_LOCK := docs/deploy/requirements.lock

.DEFAULT_GOAL := help
.PHONY: help install demo test check lint types imports bench crash fuzz soak audit docs transcripts lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(RUNS) ## set up what runs the bot, without what develops it

demo: $(RUNS) ## run the bot on a made-up market, no keys needed; PORT=8123, SCENARIO=record
	@$(BIN)/flipwatch demo $(if $(PORT),--port $(PORT)) $(if $(SCENARIO),--scenario $(SCENARIO))

test: $(INSTALLED) ## run all tests; ARGS=tests/bot runs some
	@$(BIN)/python -m pytest -q -n $(JOBS) --maxprocesses $(MAX_JOBS) $(ARGS)

check: lint types imports ## lint, types and imports

lint: $(INSTALLED) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(INSTALLED) ## mypy, strict
	@$(BIN)/mypy

imports: $(INSTALLED) ## import-linter: who may import whom
	@$(BIN)/lint-imports

bench: $(INSTALLED) ## measure speed and print the figures; ONLY=name measures one
	@$(BIN)/python -m benchmarks $(ONLY)

crash: $(INSTALLED) ## kill -9 the program KILLS=200 times per platform and database
	@KILLS=$(or $(KILLS),200) $(BIN)/python -m pytest -q -rP -n $(JOBS) \
	  --maxprocesses $(MAX_JOBS) tests/crash $(ARGS)

fuzz: $(INSTALLED) ## feed N=10000 broken inputs of each kind; ONLY=engine feeds one
	@FUZZ=$(or $(N),10000) $(BIN)/python -m pytest -q -rP -p no:logging -n $(JOBS) \
	  --maxprocesses $(MAX_JOBS) tests/fuzz $(if $(ONLY),-k $(ONLY))

soak: $(INSTALLED) ## 24 hours at 50,000 recipients by a passed clock; REAL=20m runs real ones
	@$(BIN)/python -m $(if $(REAL),benchmarks.soak_real $(REAL),benchmarks.soak)

audit: ## ask a public database whether what we use has known holes
	@$(PYTHON) .ci/audit.py

docs: $(INSTALLED) ## write config.example.toml, docs/configuration.md and docs/commands.md
	@$(BIN)/python -m bot.options
	@$(BIN)/python tests/commands_manual.py

transcripts: $(INSTALLED) ## play the stories and write docs/transcripts.md
	@$(BIN)/python tests/transcripts.py

lock: $(INSTALLED) ## write requirements.lock anew; ARGS=--upgrade takes the newest versions
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --extra postgres --extra engine --group dev --no-annotate --generate-hashes \
	  --custom-compile-command "make lock" $(ARGS) \
	  pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --extra postgres --extra engine --no-annotate --generate-hashes \
	  --custom-compile-command "make lock" --constraint requirements.lock \
	  pyproject.toml --output-file $(RUN_LOCK)

clean: ## remove what was installed and cached; demo-data and databases stay
	@rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

define make-venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Flipwatch needs Python 3.11 or newer, but '$(PYTHON)' is not:"; \
	  echo "install one and name it, for example: make PYTHON=python3.12 demo"; \
	  exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' can't make virtual environments."; \
	  echo "On Debian and Ubuntu: apt install python3-venv"; \
	  exit 1; } >&2
	@$(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' \
	  2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing what Flipwatch needs into $(VENV) (once) ..."
endef

# uv is quick; where it can't be had or can't reach its index, pip does the same.
$(RUNS): $(RUN_LOCK) pyproject.toml
	$(make-venv)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes \
	    --requirement $(RUN_LOCK) \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . \
	  || { echo "uv did not manage it; installing with pip ..." >&2 \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --requirement $(RUN_LOCK) \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --editable .; }
	@touch $@

$(INSTALLED): requirements.lock $(RUN_LOCK) pyproject.toml
	$(make-venv)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
	  && $(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable . \
	  || { echo "uv did not manage it; installing with pip ..." >&2 \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --require-hashes --requirement requirements.lock \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	    --no-deps --editable .; }
	@touch $(RUNS) $@
