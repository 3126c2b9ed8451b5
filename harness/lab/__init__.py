"""A customer's dumps: do they show the bug of Q257223?"""
