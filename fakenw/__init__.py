"""An emulator of a NetWare server that keeps exact books on connection licenses."""
