"""The second verb: what was heard goes in, continuations of it come out."""
