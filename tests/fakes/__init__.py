"""Stand-ins that do what the real thing does, as far as a test needs it."""
