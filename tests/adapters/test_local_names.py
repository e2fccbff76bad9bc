"""Functions, names and variables of the local Lambda."""

from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from lambdadispatch.local.function import LocalFunction, split_command
from lambdadispatch.local.names import (
    FunctionReference,
    InvalidReference,
    QualifierConflict,
    parse_reference,
)
from lambdadispatch.local.variables import environment_variables, inherited, log_stream_name


class References(SynchronousTestCase):
    def test_forms(self) -> None:
        for text, name, qualifier in [
            ("f", "f", None),
            ("My_function-2", "My_function-2", None),
            ("f:live", "f", "live"),
            ("f:12", "f", "12"),
            ("f:$LATEST", "f", "$LATEST"),
            ("function:f", "f", None),
            ("123456789012:function:f", "f", None),
            ("123456789012:function:f:live", "f", "live"),
            ("123456789012:f", "f", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", "f", None),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:7", "f", "7"),
            ("arn:aws-cn:lambda:cn-north-1:123456789012:function:f", "f", None),
            ("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f", "f", None),
        ]:
            self.assertEqual(parse_reference(text), FunctionReference(name, qualifier), text)

    def test_what_is_no_reference(self) -> None:
        for text in [
            "",
            " ",
            "a b",
            "f:",
            "f:a:b",
            "f/g",
            "f:$OLDEST",
            "1234:function:f",
            "arn:aws:s3:::f",
            "arn:aws:lambda:nowhere:123456789012:function:f",
            "f" * 65,
            "f\n",
        ]:
            error = self.assertRaises(InvalidReference, parse_reference, text)
            self.assertEqual((error.member, error.text), ("functionName", text))

    def test_qualifier_of_the_query(self) -> None:
        self.assertEqual(parse_reference("f", "live"), FunctionReference("f", "live"))
        self.assertEqual(parse_reference("f:live", "live"), FunctionReference("f", "live"))
        self.assertEqual(parse_reference("f", "$LATEST"), FunctionReference("f", "$LATEST"))
        error = self.assertRaises(QualifierConflict, parse_reference, "f:live", "7")
        self.assertIn("'live'", str(error))
        self.assertIn("'7'", str(error))

    def test_qualifiers_that_are_none(self) -> None:
        for text in ["", "a b", "a/b", "x" * 129]:
            error = self.assertRaises(InvalidReference, parse_reference, "f", text)
            self.assertEqual((error.member, error.text), ("qualifier", text))

    def test_arn_and_version(self) -> None:
        plain, live = FunctionReference("f"), FunctionReference("f", "live")
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:f"
        self.assertEqual(plain.arn("eu-west-1", "123456789012"), arn)
        self.assertEqual(live.arn("eu-west-1", "123456789012"), f"{arn}:live")
        self.assertEqual(plain.executed_version, "$LATEST")
        self.assertEqual(live.executed_version, "live")


class Functions(SynchronousTestCase):
    def test_commands(self) -> None:
        self.assertEqual(split_command("python -m 'my app' --x"), ("python", "-m", "my app", "--x"))
        self.assertEqual(split_command(["a b", "c"]), ("a b", "c"))

    def test_commands_that_are_none(self) -> None:
        for command in ["", "   ", [], [""]]:
            error = self.assertRaises(ValueError, split_command, command)
            self.assertIn(repr(command), str(error))
        error = self.assertRaises(ValueError, split_command, "x 'y")
        self.assertIn("No closing quotation", str(error))

    def test_values_out_of_range_are_named(self) -> None:
        for change, words in [
            ({"name": "a b"}, "'a b'"),
            ({"name": "f" * 65}, "f" * 65),
            ({"command": "a string"}, "'a string'"),
            ({"command": ()}, "()"),
            ({"timeout": 0}, "timeout 0"),
            ({"timeout": -1.5}, "timeout -1.5"),
            ({"memory_mb": 0}, "memory_mb 0"),
            ({"concurrency": -1}, "concurrency -1"),
        ]:
            arguments = {"name": "f", "command": ("x",)} | change
            error = self.assertRaises(ValueError, LocalFunction, **arguments)
            self.assertIn(words, str(error))

    def test_no_concurrency_is_allowed(self) -> None:
        self.assertEqual(LocalFunction("f", ("x",), concurrency=0).concurrency, 0)


class Variables(SynchronousTestCase):
    def variables(self, function: LocalFunction, **parent: str) -> dict[str, str]:
        return environment_variables(
            function,
            parent=parent,
            runtime_api="127.0.0.1:1234",
            region="eu-west-1",
            task_root="/work",
            log_stream="stream",
        )

    def test_all_of_them(self) -> None:
        function = LocalFunction("f", ("python", "-m", "app"), memory_mb=512)
        self.assertEqual(
            self.variables(function, PATH="/bin"),
            {
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_FUNCTION_NAME": "f",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
                "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
                "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1234",
                "AWS_REGION": "eu-west-1",
                "AWS_SECRET_ACCESS_KEY": "local",
                "AWS_SESSION_TOKEN": "local",
                "LAMBDA_RUNTIME_DIR": "/var/runtime",
                "LAMBDA_TASK_ROOT": "/work",
                "PATH": "/bin",
                "TZ": ":UTC",
                "_HANDLER": "app",
            },
        )

    def test_nothing_of_the_parents_aws_is_left(self) -> None:
        names = [
            "AWS_ACCESS_KEY_ID",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_CONFIG_FILE",
            "AWS_PROFILE",
            "AWS_ROLE_ARN",
            "AWS_SESSION_TOKEN",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_LAMBDA_RUNTIME_API",
            "LAMBDA_TASK_ROOT",
            "_HANDLER",
            "_X_AMZN_TRACE_ID",
        ]
        parent = dict.fromkeys(names, "parent") | {"HOME": "/home", "PYTHONPATH": "x"}
        self.assertEqual(inherited(parent), {"HOME": "/home", "PYTHONPATH": "x"})
        found = self.variables(LocalFunction("f", ("x",)), **parent)
        self.assertNotIn("parent", found.values())

    def test_precedence(self) -> None:
        own = {"PATH": "mine", "AWS_ACCESS_KEY_ID": "mine", "AWS_REGION": "mine", "TZ": "mine"}
        function = LocalFunction("f", ("x",), environment=own, handler="a.b")
        found = self.variables(function, PATH="parent")
        self.assertEqual(found["PATH"], "mine")
        self.assertEqual(found["AWS_ACCESS_KEY_ID"], "mine")
        self.assertEqual(found["AWS_REGION"], "eu-west-1")
        self.assertEqual(found["TZ"], ":UTC")
        self.assertEqual(found["_HANDLER"], "a.b")

    def test_log_stream_name(self) -> None:
        started = datetime(2026, 1, 31, 23, 59, tzinfo=UTC)
        self.assertEqual(log_stream_name(started, "ab12"), "2026/01/31/[$LATEST]ab12")
