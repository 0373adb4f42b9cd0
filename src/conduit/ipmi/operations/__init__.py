"""What an operator does with a BMC, each of several commands; layer 3, over :class:`~conduit.ipmi.client.Bmc`."""
