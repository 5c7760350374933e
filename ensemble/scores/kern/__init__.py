"""A strict reader of monophonic **kern: whatever it cannot read as written it refuses, naming file and line."""

from ensemble.scores.kern.reader import parse_kern as parse_kern
from ensemble.scores.kern.reader import read_kern as read_kern
