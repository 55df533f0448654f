"""The HTML of messages: read so strictly that every reader sees the same, and what is safe and well made in it."""
