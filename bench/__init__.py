"""Benchmarks, against other implementations and against the floor that Trio itself sets."""
