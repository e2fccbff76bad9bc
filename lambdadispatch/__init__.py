"""A router that queues HTTP requests and runs AWS Lambda functions many requests at a time."""

__version__ = "0.1.0"
