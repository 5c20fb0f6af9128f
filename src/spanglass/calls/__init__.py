"""The life of a call, from the patches on the SDK to the end of its span."""
