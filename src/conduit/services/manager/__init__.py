"""The Manager: who may do what, and where; off the data path."""
