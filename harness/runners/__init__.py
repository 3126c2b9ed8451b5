"""Runners: they carry a plan out and come back with journals. None of them judges."""
