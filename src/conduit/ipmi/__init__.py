"""IPMI: messages, commands and, above them, the client and the BMC."""
