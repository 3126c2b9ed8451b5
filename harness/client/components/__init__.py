"""The programs of an SMS client, one file for each: what the program opens, and when."""
