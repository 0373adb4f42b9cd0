"""What the HTTP sides of the services share."""
