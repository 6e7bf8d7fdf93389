# GAS: everything is reached from here. `make` alone lists the targets.
# Needs git, make and Python 3.11 or newer with venv; the rest comes from the package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VAR_DIR := $(or $(GAS_VAR_DIR),var)
BASE_STAMP := $(VENV)/.base-installed
DEV_STAMP := $(VENV)/.dev-installed
WARM_STAMP := $(VAR_DIR)/.compiled
GENOMICS := $(shell find annotations/genomics -name '*.py' -not -path '*/tests/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup run upgrade test test-environment bench bench-explorer bench-browser bench-sources bench-hgvs bench-genome bench-fuzz bench-load bench-farm bench-upgrade stripe-test-mode lint format requirements tools

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(BASE_STAMP) $(WARM_STAMP) ## Make the environment and compile the annotator (done once)

run: $(BASE_STAMP) ## Set up and serve on http://localhost:8000 (GAS_PORT changes the port)
	@exec $(BIN)/python manage.py run

upgrade: ## Bring this service to the newest version: pause, drain, back up, migrate, start, examine, resume
	@deploy/upgrade

test: setup $(DEV_STAMP) ## Set up and run every test; what a test needs and is missing is skipped with a reason
	@$(BIN)/python -m pytest -n 3 --dist loadgroup $(ARGS)  # on two cores: some always wait for their services

test-environment: $(DEV_STAMP) ## What lint and tests need, without the compiled annotator

bench: setup $(DEV_STAMP) ## Measure: prints speed, memory and accuracy (minutes)
	@$(BIN)/python -m benchmarks.annotator $(ARGS)

bench-explorer: setup $(DEV_STAMP) ## Measure the table of a made result of 5,000,000 alleles (minutes, 3 GB of disk)
	@$(BIN)/python -m benchmarks.explorer $(ARGS)

bench-browser: setup $(DEV_STAMP) ## Large results in Chromium: seconds until seen, pictures of all pages (a quarter of an hour, 15 GB of disk)
	@$(BIN)/python -m benchmarks.browser $(or $(ARGS),$(VAR_DIR)/pictures)

bench-sources: setup $(DEV_STAMP) ## What a ClinVar and a gnomAD of full size cost an annotation (half an hour; ARGS="--scale 0.05")
	@$(BIN)/python -m benchmarks.sources $(ARGS)

bench-genome: setup $(DEV_STAMP) ## A made genome of the human one's size: build, open, annotate (15 GB of disk; ARGS="--scale 0.1": a tenth)
	@$(BIN)/python -m benchmarks.genome $(ARGS)

bench-fuzz: setup $(DEV_STAMP) ## Broken files through the annotator for ten minutes (ARGS="--minutes 2")
	@$(BIN)/python -m benchmarks.fuzz_reader $(ARGS)

bench-hgvs: setup $(DEV_STAMP) ## HGVS names read back by a second program, in an environment of its own
	@test -x $(VAR_DIR)/hgvs/bin/python || $(PYTHON) -m venv $(VAR_DIR)/hgvs
	@$(VAR_DIR)/hgvs/bin/pip install -q --disable-pip-version-check -r benchmarks/hgvs/requirements.txt
	@test -e $(VAR_DIR)/references/demo/manifest.json || $(BIN)/python manage.py reference build demo --assembly GRCh38 \
	  --fasta reference/GRCh38.chr19.fa.gz --fasta reference/GRCh38.chrM.fa --genes reference/GRCh38.chr19.ensembl113.gff3.gz \
	  --genes reference/GRCh38.chrM.ensembl113.gff3 --codon-table chrM=2
	@$(BIN)/python -m benchmarks.hgvs.write_names --reference $(VAR_DIR)/references/demo $(VAR_DIR)/names.tsv
	@$(VAR_DIR)/hgvs/bin/python benchmarks/hgvs/round_trip.py $(VAR_DIR)/names.tsv

bench-load: setup $(DEV_STAMP) ## Load on a service of its own: requests a second, latencies, invariants (minutes)
	@test -x $(VAR_DIR)/locust/bin/locust || $(PYTHON) -m venv $(VAR_DIR)/locust
	@$(VAR_DIR)/locust/bin/pip install -q --disable-pip-version-check -r benchmarks/locust/requirements.txt
	@$(BIN)/python -m benchmarks.load --locust $(VAR_DIR)/locust/bin/locust $(ARGS)

bench-farm: setup $(DEV_STAMP) ## 200 jobs at once on 1, 2 and 4 annotate workers: jobs a minute, queue age (minutes)
	@$(BIN)/python -m benchmarks.farm $(ARGS)

bench-upgrade: setup $(DEV_STAMP) ## `make upgrade` of a copy with jobs in it: seconds of each step, how long pages are away (minutes)
	@$(BIN)/python -m benchmarks.upgrade $(ARGS)

stripe-test-mode: setup $(DEV_STAMP) ## A subscription's life in Stripe's test mode: needs GAS_STRIPE_TEST_KEY and the network
	@$(BIN)/python -m tests_e2e.stripe_scenario

lint: $(DEV_STAMP) ## Style, types, layers, migrations, deployment settings, settings documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run
	@$(BIN)/python manage.py settings_docs --check
	@.ci/check-deploy $(BIN)/python

format: $(DEV_STAMP) ## Put the code into the project's format
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format -q .

requirements: $(BASE_STAMP) ## Compile requirements/*.in to pinned, hashed *.txt
	@$(BIN)/python -m pip install -q uv
	@for name in base dev; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make requirements" requirements/$$name.in -o requirements/$$name.txt || exit 1; done

tools: ## Debian, as root: install what some tests need (Chromium, PostgreSQL, bcftools)
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium fonts-liberation postgresql bcftools tabix curl

$(BASE_STAMP): requirements/base.txt
	@command -v git >/dev/null || { echo "GAS needs git: install it with your package manager, then run make again." >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "GAS needs Python 3.11 or newer: install python3, then run make again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "GAS needs Python 3.11 or newer, and $(PYTHON) is older: give another one with make PYTHON=python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "GAS needs Python's venv: install python3-venv, then run make again." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing GAS's requirements into $(VENV) (about half a minute) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

$(DEV_STAMP): $(BASE_STAMP) requirements/dev.txt
	@echo "Installing what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(WARM_STAMP): $(BASE_STAMP) $(GENOMICS)
	@test -d $(VAR_DIR) || install -d -m 0700 $(VAR_DIR)
	@echo "Compiling the annotator for this machine ..."
	@$(BIN)/python -m annotations.genomics warm
	@touch $@
