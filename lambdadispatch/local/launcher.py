"""Runs one command as the leader of its own session, tied to the life of the service.

Run as ``python -I -S launcher.py SERVICE_PID DIRECTORY -- command...``; it is a script, not a
module to import, and becomes the command. File descriptor 3 tells the service how that went:
closed without a word when the command runs, else the system's error text.

A new session keeps the terminal's Ctrl-C away and makes one process group that can be stopped
and killed as a whole. On Linux the kernel kills the process when the service dies, however it
dies. That holds for the command's own process; what it starts in turn is killed with the group
by a service that still lives.
"""

# Only what ctypes loads anyway is imported: each start of an environment pays for it (about
# 5 ms for ctypes on top of 10 ms for the interpreter).
import ctypes
import os
import sys

STATUS_FD = 3
PR_SET_PDEATHSIG = 1
SIGKILL = 9
LAST_SIGNAL = 64
SIG_DFL = 0


def bind_to_parent(parent: int, libc: ctypes.CDLL) -> None:
    """Ask for SIGKILL at the parent's death; exit if it is dead already."""
    if sys.platform != "linux":
        return
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    # The parent may have died between the fork and the call above: then no signal will come.
    if os.getppid() != parent:
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Become the command. Returns never; exits 127 or 126 when the command cannot run."""
    if len(arguments) < 4 or arguments[2] != "--":
        sys.exit(f"launcher: expected PID DIRECTORY -- command..., got {arguments!r}")
    parent, directory, _, *command = arguments
    os.setsid()
    os.set_inheritable(STATUS_FD, False)
    libc = ctypes.CDLL(None, use_errno=True)
    bind_to_parent(int(parent), libc)
    # An ignored signal stays ignored over exec: the interpreter ignores two, and a shell has what
    # it starts in the background ignore Ctrl-C. (Those that cannot be set are none the worse.)
    for number in range(1, LAST_SIGNAL + 1):
        libc.signal(number, SIG_DFL)
    try:
        os.chdir(directory)
        os.execvp(command[0], command)
    except OSError as error:
        where = f" (directory {directory})" if error.filename == directory else ""
        os.write(STATUS_FD, f"{(error.strerror or str(error)).lower()}{where}".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
