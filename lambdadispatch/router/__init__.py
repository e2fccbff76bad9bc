"""The composition: one queue, one fleet of instances, joined by the dispatcher's decisions."""
