"""IPX: the server's end of its wires, sans-IO, and the links that carry their frames."""
