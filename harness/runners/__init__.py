"""Runners: each carries out a plan and returns journals. None of them judges."""
