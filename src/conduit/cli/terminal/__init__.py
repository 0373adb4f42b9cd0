"""Consoles on this process's standard streams: raw terminals, escapes, recordings."""
