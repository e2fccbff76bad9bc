"""From ``package.module:name`` to a host for the application of that name."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any, cast

from lambda_side.hosts.host import Host, HostError


def load_app(name: str) -> object:
    """Import the application; the current directory is put on ``sys.path``.

    Raises HostError that names what is missing, or, if the application's own code fails while it
    is imported, shows that failure's traceback.
    """
    module_name, colon, attributes = name.partition(":")
    if not (colon and module_name and attributes):
        raise HostError(f"application {name!r} is not of the form package.module:name")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    app: object = _import(module_name)
    for attribute in attributes.split("."):
        try:
            app = getattr(app, attribute)
        except AttributeError:
            raise HostError(f"module {module_name!r} has no {attributes!r}") from None
    return app


def _import(name: str) -> object:
    try:
        return importlib.import_module(name)
    except BaseException as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and (name == missing or name.startswith(missing + ".")):
            raise HostError(
                f"there is no module {missing!r} (looked in {', '.join(map(repr, sys.path))})"
            ) from None
        if isinstance(error, KeyboardInterrupt):
            raise
        text = "".join(traceback.format_exception(error))
        raise HostError(f"module {name!r} failed while it was imported:\n{text}") from None


def host_for(app: object, reactor: Any, *, threads: int = 10) -> Host:
    """The host for ``app``: a twisted.web Resource (an object that provides IResource), or a WSGI
    callable, which gets ``threads`` threads. Raises HostError for anything else.
    """
    # An object can provide the interface only if the module that defines it was imported, and to
    # import it for an application that does not use it would cost a cold start 0.1 s.
    resources = sys.modules.get("twisted.web.resource")
    if resources is not None:
        if resources.IResource.providedBy(app):
            from lambda_side.hosts.web import WebHost  # noqa: PLC0415

            return WebHost(reactor, cast(Any, app))
        if isinstance(app, type) and resources.IResource.implementedBy(app):
            raise HostError(
                f"{app!r} is a class of Resources: name an object made of it, the tree's root"
            )
    if callable(app):
        from lambda_side.hosts.wsgi import WsgiHost  # noqa: PLC0415

        return WsgiHost(reactor, app, threads=threads)
    raise HostError(f"{app!r} is neither a twisted.web Resource nor a WSGI callable")
