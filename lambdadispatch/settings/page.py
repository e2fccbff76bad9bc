"""The page docs/settings.md, written from the table: ``python -m lambdadispatch.settings.page``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from lambdadispatch.settings.pool_tables import POOLED
from lambdadispatch.settings.setting import Derived, Setting
from lambdadispatch.settings.table import CONFIG, SETTINGS

_INTRODUCTION = """\
# Settings

This page is generated from `lambdadispatch/settings/table.py`.

A setting comes from a flag of `twistd lambdadispatch`, an environment variable, or a TOML file
(`--config FILE`). A flag outranks the environment, which outranks the file, which outranks the
default. In the file the keys are the names of the flags without the dashes in front, with `-` or
`_` between words:

```toml
function-name = "web:live"
max-concurrent-count = 20
queue-timeout = "10s"
```

Each variable may also be spelled in CamelCase, as in `LAMBDA_DISPATCH_MaxConcurrentCount`. Two
spellings of one setting with different values are refused.

A value that is not allowed is refused even where another source outranks it, and never replaced
by a default: the router ends with status 1 and a line on standard error for each problem. An
unknown key in the file is a problem too. An unknown `LAMBDA_DISPATCH_` variable is only a warning,
because Kubernetes puts variables of its own under that prefix (`LAMBDA_DISPATCH_SERVICE_HOST`) when
a service is named `lambda-dispatch`. For the same reason a port variable that holds `tcp://...` is
ignored with a warning.

| flag | environment variable | default | allowed | what it does |
|---|---|---|---|---|
"""


_POOLS = """
## Several functions

`routes` says which function serves what. A route is a host, a path prefix, and the name of a
function; in the file it can be a line of a table. A host is a name, `*.name` for all below it, or
`*`. Of the routes that take a request the most specific wins, in whatever order they stand: first
by the host, then by the longer prefix. [security.md](security.md#routes) has the rules to the
letter.

Each function has a pool of its own: a line, instances, limits. What is set above the tables, by a
flag or by a variable holds for every pool; a table `[pools.NAME]`, which only a file can have,
outranks all of these for its pool. `NAME` is the name in the routes. `function-name` in such a
table gives the function another name than its pool, as for an ARN. At the top it names the function
for what no route takes; without it that is answered 404.

```toml
max-instances = 50

[routes]
"api.example.com/v1" = "orders"
"*/static" = "assets"
"*/" = "web"

[pools.orders]
function-name = "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
max-concurrent-count = 5
queue-timeout = "5s"
```

What a pool can have for itself: """


def settings_page() -> str:
    """Return the page, in Markdown, with one row for each setting."""
    rows = "".join(f"| {' | '.join(_cells(each))} |\n" for each in (CONFIG, *SETTINGS))
    pooled = ", ".join(f"`{name.replace('_', '-')}`" for name in POOLED)
    return _INTRODUCTION + rows + _POOLS + pooled + ".\n"


def default_text(setting: Setting) -> str:
    """Say in words what holds when nothing is given."""
    default = setting.default
    if isinstance(default, Derived):
        return default.text
    if default is None and setting.kind.allowed.endswith(", or off"):
        return "off"
    if default is None or default == ():
        return "none"
    if isinstance(default, tuple):
        return ", ".join(default)
    if isinstance(default, float):
        return f"{default:g} s"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _cells(setting: Setting) -> Iterator[str]:
    preferred, _, *aliases = setting.variables
    yield f"`--{setting.flag}`"
    yield " or ".join(f"`{variable}`" for variable in (preferred, *aliases))
    for text in (default_text(setting), setting.kind.allowed, setting.help):
        yield text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(settings_page())
