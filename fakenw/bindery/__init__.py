"""Objects, properties, passwords and restrictions: what logs in, and when it may."""
