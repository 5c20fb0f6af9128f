"""`spanglass replay`."""
