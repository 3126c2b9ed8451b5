"""The layouts of the NCPs, one file for each family. Offsets in the sources count from the NCP header."""
