"""The Gateway: verifies tokens, and passes what they allow through the tunnels to the Agents."""
