"""Finished spans, read again: what was said in a call, and what became of it."""
