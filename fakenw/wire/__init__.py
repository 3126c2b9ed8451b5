"""The bytes of NCP as values: layouts, packets, framing. Nothing here knows a server or a client."""
