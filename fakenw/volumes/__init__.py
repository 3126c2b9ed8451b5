"""Files as clients see them: DOS names, directory trees, changes kept in memory, sharing, host directories."""
