"""`spanglass show`."""
