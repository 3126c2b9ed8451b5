"""Faults as values: what becomes of a packet on a link, and of a request. Nothing here knows a server or a client."""
