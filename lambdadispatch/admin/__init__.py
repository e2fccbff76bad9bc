"""The admin port: health, readiness and state, on stock ``twisted.web``."""
