"""One HTML file of a photo and a model: the lens still works in it, offline and anywhere."""

from explorer.report.page import MAX_BYTES, Subject, report_html
from explorer.report.run import about_run, run_report

__all__ = ["MAX_BYTES", "Subject", "about_run", "report_html", "run_report"]
