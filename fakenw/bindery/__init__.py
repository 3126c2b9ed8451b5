"""Accounts: objects, properties, passwords and restrictions, and when an account may log in."""
