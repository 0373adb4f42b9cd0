"""Benchmarks: Conduit's IPMI client against others and against a bare Trio ping-pong. Start with README.md."""
