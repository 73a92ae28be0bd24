# Each sets up .venv first.
# make app   open the app    make test   run every check    make pictures   take the README's pictures anew
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: app test pictures clean

app: $(READY)
	$(BIN)/python -m explorer.ui.launch

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pytest -n auto

pictures: $(READY)
	$(BIN)/python -m explorer.bench.pictures $(NAMES)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $(READY)

clean:
	rm -rf .venv build *.egg-info
