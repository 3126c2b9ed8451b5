"""The bytes below NCP on an IPX wire: packets, Ethernet frames, SAP and RIP."""
