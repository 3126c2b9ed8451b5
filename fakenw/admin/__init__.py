"""What an operator sees of a running server and does to it: operations, HTTP, metrics, the page."""
