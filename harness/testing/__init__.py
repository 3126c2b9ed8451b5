"""For test suites: a server to ask, and the pytest plugin."""
