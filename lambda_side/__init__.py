"""The process inside the Lambda function that fetches requests from the router."""
