"""Models, traces and reports in a few words, for notebooks, scripts and the command line; what they show in Jupyter.

    model = explorer.open("crate-objects")
    trace = model.trace("kangaroo", stride=4)
    trace.curve("compression")                      # a Plotly figure, beside the random-init control
    trace.draw(trace.segment("maskcut", layer=7))   # a PIL image

Layers and heads count from 1, tokens are rows, rates are in nats. What a user can fix is an ExplorerError.
"""

from explorer.notebook.model import Model, model_names, open
from explorer.notebook.report import ReportFile
from explorer.notebook.trace import NotebookTrace

__all__ = ["Model", "NotebookTrace", "ReportFile", "model_names", "open"]
