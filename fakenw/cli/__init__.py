"""The commands of fakenw."""
