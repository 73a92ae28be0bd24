"""One HTML file of a photo or a text and a model: the lens still works in it, offline and anywhere."""

from explorer.report.page import MAX_BYTES, AsTrained, PhotoReport, layer_curves, report_html
from explorer.report.run import about_run, run_report
from explorer.report.text import TextReport, about_text, run_text_report, text_report_html

__all__ = [
    "MAX_BYTES",
    "AsTrained",
    "PhotoReport",
    "TextReport",
    "about_run",
    "about_text",
    "layer_curves",
    "report_html",
    "run_report",
    "run_text_report",
    "text_report_html",
]
