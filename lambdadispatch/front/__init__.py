"""The front: where clients' requests arrive, wait and are answered."""
