"""`spanglass demo`."""
