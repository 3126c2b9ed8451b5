"""Searches for a schedule of jitter and faults under which a client does not give its license back."""
