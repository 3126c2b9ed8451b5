"""Runs NetWare clients against a server, and judges from journals whether they released their licenses, and why not."""
