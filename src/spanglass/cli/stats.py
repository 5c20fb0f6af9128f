"""`spanglass stats`."""
