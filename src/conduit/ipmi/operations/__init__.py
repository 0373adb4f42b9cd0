"""What operators do with a BMC, each of several commands: one module a subject, functions over a ``Bmc``."""
