"""Files as clients see them: names, directory trees, changes kept in memory, sharing, host directories."""
