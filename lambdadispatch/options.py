"""The command line of ``twistd lambdadispatch``."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from twisted.python import usage

from lambdadispatch.settings import CONFIG, SETTINGS, Setting, Settings, SettingsError, load
from lambdadispatch.settings.page import default_text
from lambdadispatch.transports.choose import TransportUnavailable, install


def _help(setting: Setting) -> str:
    return f"{setting.help} [default: {default_text(setting)}]"


_UNKNOWN = re.compile(r"option --(\S+) not recognized")


def _with_help(text: str) -> str:
    """Twisted's word on an unknown flag says nothing of those that there are."""
    unknown = _UNKNOWN.fullmatch(text)
    if unknown is None:
        return text
    near = get_close_matches(unknown[1], [each.flag for each in (CONFIG, *SETTINGS)], 1)
    meant = f"perhaps --{near[0]}; " if near else ""
    return f"{text}; {meant}--help shows all"


class Options(usage.Options):
    """Flags, joined with the environment and the file into ``settings`` and ``warnings``.

    Every problem is reported in one usage.UsageError, a line each. Under twistd (when ``parent``
    is set) the same lines go to standard error and the process ends with status 1: twistd itself
    would print them on standard output, below the whole of the help.
    """

    optParameters = [
        [setting.flag, None, None, _help(setting)]
        for setting in (CONFIG, *SETTINGS)
        if not setting.kind.flag
    ]
    optFlags = [[setting.flag, None, _help(setting)] for setting in SETTINGS if setting.kind.flag]

    settings: Settings
    warnings: tuple[str, ...]

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._environ = os.environ if environ is None else environ
        self._extra: tuple[str, ...] = ()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse ``options``, or sys.argv; the errors are told in the class."""
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as error:
            text = _with_help(str(error))
            if self.parent is None:
                raise usage.UsageError(text) from None
            print(text, file=sys.stderr)
            raise SystemExit(1) from None

    def parseArgs(self, *args: str) -> None:
        """Keep what is not a flag, to report it with everything else."""
        self._extra = args

    def postOptions(self) -> None:
        """Settle the settings from the flags that were given and the other two sources."""
        problems = [f"{extra!r} is refused; allowed: flags only" for extra in self._extra]
        try:
            self.settings, self.warnings = load(self._given(), self._environ)
        except SettingsError as error:
            problems.extend(error.problems)
        if problems:
            raise usage.UsageError("\n".join(problems))
        if self.parent is not None:
            self._install_transport()

    def _install_transport(self) -> None:
        """Under twistd: now the choice is known, and the reactor has not been imported yet."""
        try:
            install(self.settings.transport)
        except TransportUnavailable as error:
            text = f"--transport: {self.settings.transport!r} is refused: {error}"
            raise usage.UsageError(text) from None

    def _given(self) -> dict[str, str]:
        given: dict[str, str] = {}
        for setting in (CONFIG, *SETTINGS):
            value = self[setting.flag]
            if setting.kind.flag and value:
                given[setting.flag] = "true"
            elif not setting.kind.flag and value is not None:
                given[setting.flag] = value
        return given
