# Two commands do everything on a fresh machine: make book, make test.
PYTHON ?= python3
RUN = .venv/bin/python

help: ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

book: .venv/ready ## execute the chapters, build the pages, print the page to open
	@$(RUN) tools/book.py

test: .venv/ready ## run every check: lint, types, unit tests, the book, the notebooks, the pages
	@$(RUN) tools/test.py

notebooks: .venv/ready ## write the notebook beside each chapter
	@$(RUN) tools/notebooks.py

test-gpu: .venv/ready ## run the cells that need a GPU, on a machine that has one
	@$(RUN) tools/gpu.py

bench: ## measure lossbook and its peers side by side (about 20 minutes)
	@$(PYTHON) bench/bench.py

bakeoff: .venv/ready ## compare every remedy for imbalance under one protocol (about 10 minutes)
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(RUN) bench/bakeoff.py

mutants: .venv/ready ## break the losses in every small way, see that a test notices
	@$(RUN) tools/mutate.py

pins: ## write requirements.txt anew from pyproject.toml
	@$(PYTHON) tools/pins.py

clean: ## remove the environment and everything built
	@rm -rf .venv _build

.venv/ready: requirements.txt tools/setup_venv.py
	@$(PYTHON) tools/setup_venv.py

.PHONY: help book test notebooks test-gpu bench bakeoff mutants pins clean
