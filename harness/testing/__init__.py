"""For test suites: a server with assertions, and the pytest plugin."""
