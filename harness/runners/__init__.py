"""From a plan to journals: in memory, in processes, in containers. No runner judges."""
