"""The journal: its records, its file, its sentences, the license policies, and what its lines add up to."""
