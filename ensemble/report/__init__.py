"""The report: one page that plays a render, shows what was heard and played, and says what was measured."""

from ensemble.report.page import write_report

__all__ = ["write_report"]
