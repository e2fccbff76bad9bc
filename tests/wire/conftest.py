"""No test is judged by the clock: hypothesis must not be either."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
