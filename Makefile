# Few verbs. Each one installs first where needed, so any of them may be the first thing typed in a fresh clone.
#   make demo                  the flights of 2013: a machine-learning system lives through a year
#   make test                  the whole suite on SQLite, then all that opens a database on PostgreSQL, where it answers
#   make check                 style, types, directions
#   make interop               beside Great Expectations and under MLflow's clients, each in an environment made for it
#   make soak [MINUTES=20]     hundreds of kills and sixteen writers for minutes, on SQLite and PostgreSQL
#   make bench [NAME=startup]  benchmarks (NAME='walk --full' in full size); make bench-report prints the latest results
#   make docs                  runs every example of the documentation and checks its links
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(shell command -v $(name) >/dev/null 2>&1 && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_DIR ?= demo
DEMO_ARGS ?=
# One more than processors, at most eight: some tests wait for the processes that they start.
TEST_WORKERS ?= $(shell n=$$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )); echo $$(( n > 8 ? 8 : n )))
# Files go whole to one worker: a story is told once for the tests that share it. What it writes: tests/memory.py.
PYTEST ?= $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
# The suite and the demo start hundreds of processes: each would compile all modules again, and each worker rewrite all tests.
unexport PYTHONDONTWRITEBYTECODE
NAME ?=

MINUTES ?= 20

.PHONY: help install demo test soak interop check bench bench-report docs constraints clean

help: ## say what there is
	@sed -n '2,8s/^#  //p' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with everything in it

$(STAMP): pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || command -v uv >/dev/null || { echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		{ [ -x $(BIN)/python ] || uv venv --quiet $(if $(PYTHON),--python $(PYTHON),--python '>=3.11') $(VENV); } && \
		VIRTUAL_ENV=$(VENV) uv pip install --quiet --constraint constraints.txt --editable . --group dev; \
	else \
		{ [ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV); } && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --constraint constraints.txt pip && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . --group dev; \
	fi
	@touch $@

demo: $(STAMP) ## live the story; DEMO_ARGS=--serve stays up afterwards
	$(BIN)/mainspring demo $(DEMO_DIR) $(DEMO_ARGS)

test: $(STAMP) ## the suite on SQLite, then what opens a database on PostgreSQL
	MAINSPRING_TEST_RECORDS=sqlite $(PYTEST)
	@if $(BIN)/python scripts/reach_services.py postgres; then \
		echo "MAINSPRING_TEST_RECORDS=postgres $(PYTEST) -m 'not wheel'"; \
		MAINSPRING_TEST_RECORDS=postgres $(PYTEST) -m 'not wheel'; \
	elif [ -n "$$MAINSPRING_REQUIRE_SERVICES" ]; then exit 1; \
	else \
		echo; \
		echo '*********************************************************************************'; \
		echo '**  THE POSTGRESQL HALF WAS SKIPPED: no server answers.                        **'; \
		echo '**  Start one and name it: MAINSPRING_TEST_POSTGRES=postgresql+psycopg://…     **'; \
		echo '*********************************************************************************'; \
	fi

soak: $(STAMP) ## the long versions of what kills and many writers must not harm
	MAINSPRING_ACTOR_NAME=user:soak $(BIN)/python -m tests.soak $(MINUTES)

interop: $(STAMP) ## beside Great Expectations and under MLflow's clients, each in an environment made for it
	MAINSPRING_TEST_INTEROP=1 $(BIN)/python -m pytest -q tests/interop

check: $(STAMP) ## style, types, directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## run every benchmark, or NAME=one
	$(BIN)/python -m benchmarks $(NAME)

bench-report: $(STAMP) ## the table of the latest results
	$(BIN)/python -m benchmarks --report

docs: $(STAMP) ## run the examples, check links and completeness
	$(BIN)/python -m pytest -q tests/docs

constraints: $(STAMP) ## pin what is installed now
	$(BIN)/python scripts/pin_constraints.py

clean: ## forget the environment and build products
	rm -rf $(VENV) .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
