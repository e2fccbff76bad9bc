"""Starts the application so that it dies with this process; run as a script, never imported.

``python -I -S launcher.py PARENT COMMAND...`` makes itself the leader of a process group, asks
the kernel for SIGKILL when its parent ends (prctl PR_SET_PDEATHSIG, Linux alone; it survives
exec), and becomes COMMAND. Twisted's ``spawnProcess`` has no place for code between fork and exec,
and an interpreter with neither site nor user packages costs some 20 ms, once.

Exit codes if COMMAND cannot be run are the shell's: 127 not found, 126 not executable, and 125
if the parent has ended already.
"""

import contextlib
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int) -> None:
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 (not every Python has it)

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(125)


def _main(parent: str, command: list[str]) -> None:
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)
    _die_with_parent(int(parent))
    # Python ignores SIGPIPE, and what is ignored stays ignored after exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2:])
