"""Load: a company's worth of clients against one server's licenses."""
