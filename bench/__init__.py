<<<<<<< HEAD
"""Benchmarks, against other implementations and against the floor that Trio itself sets."""
=======
"""Benchmarks: Conduit's IPMI client against others and against a bare Trio ping-pong. Start with README.md."""
>>>>>>> bench
