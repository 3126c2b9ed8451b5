"""From captured packets of a real server to the journal that it did not keep."""
