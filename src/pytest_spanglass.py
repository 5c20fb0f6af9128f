"""Fixtures for pytest, there wherever spanglass is installed."""
