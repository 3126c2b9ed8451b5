"""The layouts of the NCPs, one file per family. Offsets in the sources count from the NCP header."""
