"""From journals to a verdict, and why: pure functions."""
