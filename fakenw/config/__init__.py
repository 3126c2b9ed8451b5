"""A server in a YAML file: its fields, and where a mistake is."""
