# `make help` lists the targets. Everything runs in .venv, which each target brings up to date with requirements.lock first.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
RUN := $(BIN)/python
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help install book serve print test check test-core test-gpu notebooks translations determinism chapter repository lighthouse lock clean

help:  ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: .venv/installed  ## create .venv and install requirements.lock
.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "The course needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --requirement requirements.lock
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

book: install  ## build both sites into _build/html and say where to open them
	@$(RUN) tools/website

serve: install  ## build, serve and rebuild on every change
	@$(RUN) tools/website --serve

print: install  ## the whole book as PDF and EPUB, in both languages, linked from the site (needs Chromium)
	@$(RUN) tools/website --print

test: install  ## lint, then what your change can reach, then all tests, notebooks, both sites, a browser; goes on where it stopped
	@$(RUN) tools/suite.py

check: install  ## make check chapter=strategy/pricing: this chapter alone: contract, nbval, its Chinese, its pages
	@$(RUN) tools/suite.py check $(chapter)

test-core: install  ## what each push runs on every system and Python: lint, tests, the strategy notebooks
	$(BIN)/ruff check .
	$(RUN) -m pytest --quiet -n 2 tests --ignore tests/browser --ignore tests/test_site.py --ignore tests/test_website.py
	$(RUN) -m pytest --quiet --nbval notebooks/strategy

test-gpu: install  ## what gpu.yml runs: every test that knows a device, and every notebook, on CUDA
	$(RUN) -c 'import torch; assert torch.cuda.is_available(), "make test-gpu needs a CUDA device"'
	$(RUN) -m pytest --quiet tests/models tests/textgen
	ADVANTAGE_RUN_TIMES=benchmarks/gpu.json $(RUN) -m pytest --quiet --nbval notebooks

determinism: install  ## three runs of every notebook in shuffled order, without network, on a read-only checkout
	@$(RUN) tools/determinism.py

notebooks: install  ## execute the notebooks that are stale, keep both halves in step, update the catalogues' sources
	@$(RUN) tools/pairs.py

translations: install  ## update book/locale from the English, and list what is to be translated
	@$(RUN) tools/chinese extract

chapter: install  ## make chapter part=strategy name=pricing: a draft to start from
	@$(RUN) tools/chapter.py $(part) $(name)

repository:  ## make repository url=https://github.com/you/course: write the address wherever it stands
	@old="$$(sed -n 's/^Repository = "\(.*\)"$$/\1/p' pyproject.toml)"; new='$(patsubst %.git,%,$(patsubst %/,%,$(value url)))'; \
	printf '%s\n' "$$new" | grep -Eqx 'https://[A-Za-z0-9.-]+(:[0-9]+)?/[A-Za-z0-9._~-]+/[A-Za-z0-9._~-]+' \
		|| { echo "url: got '$$new'; must be like https://github.com/owner/name"; exit 1; }; \
	git grep -lzF "$$old" | OLD="$$old" NEW="$$new" xargs -0 perl -pi -e 's,\Q$$ENV{OLD}\E(?![\w-]),$$ENV{NEW},g'

lighthouse: book  ## measure some pages of both languages (needs node and Chromium)
	npx --yes @lhci/cli autorun

lock:  ## resolve requirements.lock anew, with the oldest Python that the course supports
	rm -rf _build/lock && $(PYTHON) -m venv _build/lock
	_build/lock/bin/python -m pip install --quiet torch==2.13.0 '.[dev,textgen]'
	_build/lock/bin/python -m pip freeze --all | sed -e '/^advantage/d' -e '/^pip==/d' -e 's/+cpu$$//' > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:  ## remove what was built, keep .venv
	rm -rf _build .pytest_cache .ruff_cache .mypy_cache .hypothesis
