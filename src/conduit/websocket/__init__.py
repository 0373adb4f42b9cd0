"""WebSockets whose binary messages are one stream of bytes (RFC 6455): heads, frames, how they begin."""
