"""Measurements of the router beside nginx, haproxy and stock twisted.web; ``python -m bench``."""
