"""How fast is it? Ratios to something bare, measured in the same minute: ``python -m benchmarks``."""
