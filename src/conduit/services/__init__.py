"""Manager, Gateway and Agent, and what they share."""
