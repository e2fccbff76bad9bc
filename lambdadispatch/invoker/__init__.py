"""Starts invocations: AWS access, signed Invoke calls, and the address functions call back to."""
