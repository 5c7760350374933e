"""A strict reader of monophonic **kern: whatever it cannot read as written it refuses, naming file and line."""
