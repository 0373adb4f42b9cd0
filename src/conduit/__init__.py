"""Safe access to the baseboard management controllers of rented servers, and the protocol toolkit beneath it."""

__version__ = "0.1.0"
