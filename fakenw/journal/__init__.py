"""What a server and its clients write down: records, their file, their sentences, and what they add up to."""
