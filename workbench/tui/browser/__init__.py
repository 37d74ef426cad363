"""The session browser: its rows, what is done to them, and the list of commands."""
