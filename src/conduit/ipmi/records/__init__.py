"""What a BMC keeps: sensor data records, events, inventory. Codecs only, one module a subject."""
