"""`crate-explorer …`: the headless twin of the pages. Exit 0, or 2 with one line for what a user can fix."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import typer

from explorer.cli import bench, compare, evaluation, files, models, start, tables, text, training
from explorer.errors import ExplorerError
from explorer.processors import limit_linear_algebra

COMMANDS: dict[str, Callable[..., None]] = {
    "app": start.app,
    "models": models.models,
    "import": models.import_model,
    "inspect": models.inspect,
    "trace": files.trace,
    "measure": tables.measure,
    "ledger": tables.ledger,
    "segment": files.segment,
    "ablate": tables.ablate,
    "compare": compare.compare,
    "report": files.report,
    "generate": text.generate,
    "features": text.features,
    "bench": bench.bench,
    "prepare": training.prepare,
    "train": training.train,
    "evaluate": evaluation.evaluate,
}
"""Every command, in the order of the help: of the zoo, of one input (tables that are printed, files that are written),
of the app itself, of training, and of evaluation. A new group is a new module beside these."""
CLICK_ERROR: type[Any] = typer.BadParameter.__mro__[2]
"""What typer raises for arguments that do not fit; it carries its own copy of click."""
app = typer.Typer(
    name="crate-explorer", help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run the command line; what a user can fix is one line on the standard error and exit code 2. A warning, as of a
    run that the GPU's memory did not hold, is a line there, too."""
    limit_linear_algebra()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_where: print(f"warning: {message}", file=sys.stderr)
            sys.exit(app(standalone_mode=False))
    except ExplorerError as error:
        sentence = str(error)
    except CLICK_ERROR as error:  # pyright: ignore[reportGeneralTypeIssues] (click's base class)
        sentence = error.format_message() or "a command is missing: see crate-explorer --help"
    print(f"error: {' '.join(sentence.split())}", file=sys.stderr)
    sys.exit(2)
