"""The report: one page that plays a render, shows what was heard and played, and says what was measured."""
