"""The administration of a running server: operations, HTTP, metrics, the operator's page."""
