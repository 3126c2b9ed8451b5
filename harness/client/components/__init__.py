"""What runs on an SMS client: what each component opens, and when. One file per component."""
