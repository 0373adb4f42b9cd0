"""What more than one protocol makes of a virtual server: its BMC's machine on a display."""
