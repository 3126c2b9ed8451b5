"""A server for tests, and the pytest plugin."""
