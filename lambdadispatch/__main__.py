"""The command ``lambdadispatch``: what there is beside the router itself, by name."""

from __future__ import annotations

import sys

from lambdadispatch.simulator.command import main as simulate

COMMANDS = {"simulate": (simulate, "what the router would do with a workload, and what it costs")}


def main() -> int:
    """Run the command that the first argument names; the exit status."""
    name, *arguments = [*sys.argv[1:], ""]
    known = COMMANDS.get(name)
    if known is not None:
        return known[0](arguments[:-1], sys.stdout, sys.stderr)
    lines = "".join(f"  lambdadispatch {each}  {row[1]}\n" for each, row in COMMANDS.items())
    usage = f"usage:\n{lines}The router itself is started by: twistd -n lambdadispatch\n"
    if name in {"-h", "--help"}:
        sys.stdout.write(usage)
        return 0
    fault = f"command {name!r} is not known" if name else "no command given"
    sys.stderr.write(f"lambdadispatch: {fault}; {usage}")
    return 2


if __name__ == "__main__":
    raise SystemExit(main())
