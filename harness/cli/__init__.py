"""The commands of harness."""
