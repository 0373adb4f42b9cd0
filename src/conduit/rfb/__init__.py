"""RFB, the protocol of remote displays (VNC): log in, relay, decode and serve."""
