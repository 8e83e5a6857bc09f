"""Where results go: MQTT, JSON lines, pictures, a window. One file per output."""
