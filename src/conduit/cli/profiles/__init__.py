"""Who somebody is to which Manager: profiles, the log-ins that they keep, and sessions that use them."""
