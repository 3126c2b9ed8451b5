"""A server in a YAML file: its fields, and mistakes with their lines."""
