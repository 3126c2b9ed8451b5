"""The server itself, sans-IO: bytes and time go in; records, bytes to send and closes come out."""
