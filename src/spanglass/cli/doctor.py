"""`spanglass doctor`."""
