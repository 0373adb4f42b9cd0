"""Fuzzing: one oracle per decoder, in targets.py."""
