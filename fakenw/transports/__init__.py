"""The edges: real sockets under Twisted, real time, captures."""
