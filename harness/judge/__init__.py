"""From journals to a verdict and its reasons: pure functions."""
