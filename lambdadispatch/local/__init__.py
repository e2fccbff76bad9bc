"""A local stand-in for AWS Lambda: the Invoke API in front, real processes behind.

``service.LocalLambda`` answers Invoke calls as boto3 makes them and runs each execution
environment as a child process that speaks the Lambda Runtime API. It shares no code with the
router and is reached only over HTTP, so that the same Invoke client serves both.
"""
