"""Runs NetWare clients and judges from the journals whether each of them gave its license back."""
