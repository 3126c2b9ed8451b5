"""The edges: real sockets under Twisted, real time, the journal's file."""
