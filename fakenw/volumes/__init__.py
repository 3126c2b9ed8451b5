"""Files and directories: DOS names, directory trees, changes in memory, sharing, directories of the host."""
