"""How fast the server is: ratios to a baseline, measured in the same minute by ``python -m benchmarks``."""
