"""The journals of servers and clients: records, their file, their sentences, and the state they add up to."""
