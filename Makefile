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

slides: .venv/ready ## write the slides of every chapter into the built book
	@$(RUN) tools/book.py && $(RUN) tools/slides.py

student: .venv/ready ## write notebooks without solutions, for students, into the built book
	@$(RUN) tools/student.py

epub: .venv/ready ## write the book as an EPUB, beside its pages
	@$(RUN) tools/book.py && $(RUN) tools/epub.py

pdf: .venv/ready ## print the book as a PDF, beside its pages (needs Chromium)
	@$(RUN) tools/book.py && $(RUN) tools/pdf.py

questions: .venv/ready ## write the self-check questions as a question bank (Moodle XML)
	@$(RUN) tools/questions.py

test-gpu: .venv/ready ## run the cells that need a GPU, on a machine that has one
	@$(RUN) tools/gpu.py

screenshots: .venv/ready ## picture every built page, wide, as on a phone and dark, into _build/screenshots
	@$(RUN) tools/screenshots.py

test-colab: .venv/ready ## run every notebook at Colab's versions (downloads 1 to 3 GB once)
	@$(RUN) tools/versions.py colab

test-lowest: .venv/ready ## run the unit tests at the lowest versions (downloads 3 GB once)
	@$(RUN) tools/versions.py lowest

bench: ## measure lossbook and its peers side by side (about 3 minutes; once, 900 MB)
	@$(PYTHON) bench/bench.py

bakeoff: .venv/ready ## compare every remedy for imbalance under one protocol (about 5 minutes)
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(RUN) bench/bakeoff.py

experiments: .venv/ready ## run the stored experiments of Part V whose code has changed
	@PYTHONPATH=. OMP_NUM_THREADS=1 $(RUN) bench/experiment.py

mutants: .venv/ready ## break the losses in every small way, see that a test notices
	@$(RUN) tools/mutate.py

pins: ## write requirements.txt anew from pyproject.toml
	@$(PYTHON) tools/pins.py

clean: ## remove the environment and everything built
	@rm -rf .venv .venv-colab .venv-lowest _build

.venv/ready: requirements.txt tools/setup_venv.py
	@$(PYTHON) tools/setup_venv.py

.PHONY: help book test notebooks slides epub pdf student questions test-gpu test-colab test-lowest screenshots bench bakeoff experiments mutants pins clean
