"""The bytes of NCP: layouts, packets, framing. Nothing here knows a server or a client."""
