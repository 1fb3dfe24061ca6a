# Two commands: `make demo` shows what ganapp does, `make test` proves that it works.
PYTHON ?= python3
BIN := .venv/bin
# Not `?=`: that would read the clock again at every use.
ifndef RUN
RUN := runs/demo-$(shell date +%Y%m%d-%H%M%S)
endif
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-times lint format clean

demo: .venv/installed
	$(BIN)/python -m ganapp train digits --run $(RUN)
	$(BIN)/python -m ganapp sample $(RUN) --count 100 --seed 1 --out $(RUN)/digits.png
	$(BIN)/python -m ganapp sample $(RUN) --count 16 --seed 1 --out $(RUN)/walk.gif
	$(BIN)/python -m ganapp sample $(RUN) --count 1000 --seed 1 --out $(RUN)/digits.npz
	$(BIN)/python -m ganapp export $(RUN)
	@$(BIN)/python -m ganapp show $(RUN)

# A process a core; the tests of a file share what they set up. Files in their own order: those of
# the application, which take longest, come first, so that no process waits for the other at the end.
test: .venv/installed-dev
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# The same, and the thirty slowest tests at the end.
test-times: .venv/installed-dev
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=0.5

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("ganapp needs Python 3.11, 3.12 or 3.13 (TensorFlow has no other), not " + sys.version.split()[0] + "; name one with make PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }

.venv/installed: requirements.txt pyproject.toml setup.py .venv/bin/python
	@echo "Installing requirements.txt into .venv (a few minutes the first time)..."
	$(PIP) -r requirements.txt
	$(PIP) --no-deps --editable .
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	$(PIP) -r requirements-dev.txt
	@touch $@
