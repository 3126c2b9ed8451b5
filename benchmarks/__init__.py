"""How fast the server is: beside bare servers, and in instructions. ``python -m benchmarks`` measures it."""
