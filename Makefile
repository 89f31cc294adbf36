# `make run` starts the site, `make test` runs everything that can run here; `make help` lists the rest.
# Works with GNU make 3.81 (macOS) and any POSIX shell.

VENV ?= .venv
export VENV
IN_VENV = $(VENV)/bin/python
IN_VENV_DEPLOY = $(VENV)-deploy/bin/python

.PHONY: image check-deploy check-deploy-defects deploy-environment help run test test-documentdb queries lint format chaos rehearse bench simulate cost base dev

help:
	@echo "make run     start the site and the payment sandbox (PORT, DATABASE_URL and DATA_DIR are honoured)"
	@echo "make test    every test that can run on this machine, on SQLite and on DocumentDB's look-alike; says what was left out"
	@echo "make test-documentdb  the part of it on a server that speaks DocumentDB's protocol, at levels 5.0 and 8.0.2"
	@echo "make queries  docs/database-queries.md again, from what the last run on DocumentDB saw"
	@echo "make lint    style, types, templates, migrations, deployment checks"
	@echo "make format  put code and templates into shape"
	@echo "make chaos   purchases while everything breaks; then the books must balance (SEED=, ENGINE=sqlite, PURCHASES=)"
	@echo "make rehearse  the site under load while tasks, database, S3 and gateway fail, against the design's promises"
	@echo "make bench   requests per second beside a bare Django view"
	@echo "make simulate  traffic against the scaling policies; writes docs/scaling.md and its pictures"
	@echo "make cost    the monthly bill from Terraform's plan; writes docs/cost.md (needs terraform)"
	@echo "make image   build the container's image and show that it keeps its promises (Docker, or Podman as root on Debian)"
	@echo "make check-deploy  the deployment, without an AWS account: Terraform, rules, task definitions (needs terraform)"
	@echo "make check-deploy-defects  that each of those checks catches what it is for"
	@echo "make dev     only make the development environment in $(VENV)"

run: base
	@$(IN_VENV) scripts/run.py

test: dev
	@$(IN_VENV) -m scripts.test

test-documentdb: dev
	@$(IN_VENV) -m scripts.test documentdb

queries: dev
	@$(IN_VENV) scripts/documentdb_report.py

lint: dev
	@$(IN_VENV) scripts/lint.py

format: dev
	@$(IN_VENV) -m ruff check --fix --quiet . || true
	@$(IN_VENV) -m ruff format .
	@$(VENV)/bin/djade --target-version 5.2 $$(git ls-files 'templates/*.html') || true

chaos: dev
	@$(IN_VENV) -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE)) \
		$(if $(PURCHASES),--purchases $(PURCHASES)) $(if $(STUDENTS),--students $(STUDENTS))

rehearse: dev
	@$(IN_VENV) -m tests.rehearsal --write

bench: dev
	@$(IN_VENV) -m bench

base:
	@sh scripts/python.sh scripts/environment.py base

dev:
	@sh scripts/python.sh scripts/environment.py dev

image:
	@sh scripts/python.sh -m deploy.image $(if $(BASE),--base $(BASE))

simulate: dev
	@$(IN_VENV) -m deploy.simulate document

cost: dev deploy-environment
	@$(IN_VENV_DEPLOY) -m deploy.cost plan

check-deploy: dev deploy-environment
	@$(IN_VENV_DEPLOY) -m deploy.check

check-deploy-defects: dev deploy-environment
	@$(IN_VENV_DEPLOY) -m deploy.check defects

deploy-environment:
	@VENV=$(VENV)-deploy sh scripts/python.sh scripts/environment.py deploy
