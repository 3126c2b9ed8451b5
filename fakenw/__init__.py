"""A NetWare server in software that keeps exact books on connection licenses."""
