"""A customer's dumps: are they Q257223?"""
