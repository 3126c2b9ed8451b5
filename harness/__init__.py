"""Puts NetWare clients before a judge: who gave the license back, who did not, and why."""
