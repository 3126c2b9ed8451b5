"""The bytes of NCP: layouts, packets, framing. Nothing here depends on a server or a client."""
