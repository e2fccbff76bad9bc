"""What can be set, where it is read from, and what is refused.

``settings_from`` and ``load`` give a checked, frozen `Settings`; every problem found is reported
at once in a `SettingsError`.
"""

from lambdadispatch.settings.model import PoolSettings, Settings, SettingsError, pools_of
from lambdadispatch.settings.reading import load, settings_from
from lambdadispatch.settings.setting import Derived, Setting
from lambdadispatch.settings.table import CONFIG, SETTINGS

__all__ = [
    "CONFIG",
    "SETTINGS",
    "Derived",
    "PoolSettings",
    "Setting",
    "Settings",
    "SettingsError",
    "load",
    "pools_of",
    "settings_from",
]
