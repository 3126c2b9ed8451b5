"""The layouts of the NCPs, one file for each family. An offset counts from the NCP header."""
