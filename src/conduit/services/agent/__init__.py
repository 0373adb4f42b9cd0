"""The Agent: lives in the datacenter, owns the BMCs, and dials out to the Gateways."""
