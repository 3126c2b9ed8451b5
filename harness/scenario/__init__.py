"""From a YAML file to a plan: fields, steps, settings, faults, the catalogue."""
