"""The control port: where instances call back, prove themselves and open channels."""
