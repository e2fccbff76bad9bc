"""Finding the application and its host."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from twisted.internet.task import Clock
from twisted.web.resource import Resource

from lambda_side.hosts.host import HostError
from lambda_side.hosts.load import host_for, load_app
from lambda_side.hosts.web import WebHost
from lambda_side.hosts.wsgi import WsgiHost


class LoadTests(TestCase):
    """``load_app``, with modules in a directory of their own."""

    def setUp(self) -> None:
        self.folder = TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.addCleanup(setattr, sys, "path", sys.path)
        sys.path = [self.folder.name, *sys.path]

    def module(self, name: str, text: str) -> None:
        path = Path(self.folder.name, *name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.addCleanup(sys.modules.pop, name, None)

    def fails(self, name: str, *said: str) -> str:
        with self.assertRaises(HostError) as caught:
            load_app(name)
        for text in said:
            self.assertIn(text, str(caught.exception))
        return str(caught.exception)

    def test_name_in_a_module(self) -> None:
        self.module("hosted_one", "app = 'the app'\nclass deep:\n    er = 'nested'\n")
        self.assertEqual(load_app("hosted_one:app"), "the app")
        self.assertEqual(load_app("hosted_one:deep.er"), "nested")

    def test_name_in_a_package(self) -> None:
        self.module("hosted_pack.__init__", "")
        self.module("hosted_pack.inner", "app = 1\n")
        self.addCleanup(sys.modules.pop, "hosted_pack", None)
        self.assertEqual(load_app("hosted_pack.inner:app"), 1)
        self.fails("hosted_pack.other:app", "there is no module 'hosted_pack.other'")

    def test_the_current_directory_is_looked_in(self) -> None:
        sys.path = [path for path in sys.path if path not in ("", str(Path.cwd()))]
        self.assertIsInstance(load_app("lambda_side.hosts.host:HostError"), type)
        self.assertIn(str(Path.cwd()), sys.path)

    def test_names_of_another_form(self) -> None:
        for name in ("", "module", "module:", ":name"):
            self.fails(name, f"application {name!r} is not of the form package.module:name")

    def test_module_that_is_missing(self) -> None:
        self.fails("no_such_module:app", "there is no module 'no_such_module'", self.folder.name)
        self.fails("no_such_package.module:app", "there is no module 'no_such_package'")

    def test_name_that_is_missing(self) -> None:
        self.module("hosted_two", "app = 1\n")
        self.fails("hosted_two:other", "module 'hosted_two' has no 'other'")

    def test_error_in_the_application(self) -> None:
        self.module("hosted_three", "def fails():\n    return 1 / 0\n\nfails()\n")
        said = self.fails("hosted_three:app", "module 'hosted_three' failed", "hosted_three.py")
        self.assertIn("ZeroDivisionError: division by zero", said)

    def test_module_that_the_application_misses(self) -> None:
        self.module("hosted_four", "import no_such_library\n")
        self.fails("hosted_four:app", "module 'hosted_four' failed", "import no_such_library")

    def test_application_that_exits(self) -> None:
        self.module("hosted_five", "raise SystemExit('no database')\n")
        self.fails("hosted_five:app", "SystemExit: no database")


class HostForTests(TestCase):
    """``host_for``."""

    def test_resource(self) -> None:
        self.assertIsInstance(host_for(Resource(), Clock()), WebHost)

    def test_wsgi_callable(self) -> None:
        self.assertIsInstance(host_for(lambda environ, start: [], Clock(), threads=3), WsgiHost)

    def test_class_of_resources(self) -> None:
        with self.assertRaisesRegex(HostError, "is a class of Resources"):
            host_for(Resource, Clock())

    def test_anything_else(self) -> None:
        with self.assertRaisesRegex(HostError, "'text' is neither a twisted.web Resource nor"):
            host_for("text", Clock())

    def test_without_twisted_web(self) -> None:
        module = sys.modules.pop("twisted.web.resource")
        self.addCleanup(sys.modules.__setitem__, "twisted.web.resource", module)
        self.assertIsInstance(host_for(lambda environ, start: [], Clock()), WsgiHost)
        self.assertNotIn("twisted.web.resource", sys.modules)

    def test_no_threads(self) -> None:
        with self.assertRaisesRegex(ValueError, "threads is 0: at least 1"):
            host_for(lambda environ, start: [], Clock(), threads=0)
