"""The launcher script by itself: what the command inherits, and what the service is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lambdadispatch.local.child

LAUNCHER = Path(lambdadispatch.local.child.__file__).with_name("launcher.py")
COMMAND = (sys.executable, "-I", "-S", str(LAUNCHER))
LIMIT = 20.0
AS_DESCRIPTOR_3 = """
import os, sys
status = int(sys.argv[1])
os.set_inheritable(status, False)
os.dup2(status, 3)
os.set_inheritable(3, True)
os.execv(sys.argv[2], sys.argv[2:])
"""


def launch(*arguments: str) -> tuple[int, str, str]:
    """Run the launcher; return the exit code, what was printed and what came on descriptor 3."""
    reading, writing = os.pipe()
    ended = subprocess.run(
        [sys.executable, "-c", AS_DESCRIPTOR_3, str(writing), *COMMAND, *arguments],
        capture_output=True,
        text=True,
        pass_fds=[writing],
        timeout=LIMIT,
        check=False,
    )
    os.close(writing)
    with os.fdopen(reading) as status:
        return ended.returncode, ended.stdout + ended.stderr, status.read()


def test_becomes_the_command_in_its_own_session_and_directory() -> None:
    script = "import os; print(os.getpid() == os.getsid(0) == os.getpgid(0), os.getcwd())"
    code, output, status = launch(str(os.getpid()), "/", "--", sys.executable, "-c", script)
    assert (code, output, status) == (0, "True /\n", "")


SETTABLE = (1 << 31) - 1


def test_the_command_has_no_ignored_signals_and_no_status_descriptor() -> None:
    script = "grep -E '^Sig(Ign|Blk)' /proc/self/status; ls /proc/self/fd | grep -c '^3$'"
    # ``ls`` itself opens the directory it lists as the lowest free descriptor, which is 3.
    code, output, _ = launch(str(os.getpid()), ".", "--", "/bin/sh", "-c", script)
    assert code == 0
    _, blocked, _, ignored, descriptors = output.split()
    # Signals from 32 on are the C library's own: its posix_spawn ignores them, make uses it, and no
    # program can set them otherwise.
    assert (int(blocked, 16) & SETTABLE, int(ignored, 16) & SETTABLE, descriptors) == (0, 0, "1")


@pytest.mark.parametrize(
    ("directory", "command", "code", "words"),
    [
        (".", "/no/such/program", 127, "no such file or directory"),
        (".", "no-such-program-on-the-path", 127, "no such file or directory"),
        (".", __file__, 126, "permission denied"),
        ("/no/such/place", "true", 127, "no such file or directory (directory /no/such/place)"),
    ],
)
def test_a_command_that_cannot_run(directory: str, command: str, code: int, words: str) -> None:
    assert launch(str(os.getpid()), directory, "--", command) == (code, "", words)


def test_ends_when_its_parent_was_gone_already() -> None:
    assert launch("1", ".", "--", "/bin/echo", "should not run") == (1, "", "")


def test_refuses_other_arguments() -> None:
    code, output, _ = launch("1", "true")
    assert code == 1
    assert "expected PID DIRECTORY -- command" in output
