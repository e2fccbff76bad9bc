"""What the router would do with a workload, worked out without a socket or a real clock.

Theory of operation. A discrete-event simulation: `events` holds what is still to happen, ordered by
time. Three models are driven by the same requests. `pool` gives them to the dispatcher that ships
(``lambdadispatch.core``) and carries out its actions on imagined instances. `own_dispatch` does
what AWS Lambda does without a router. `ideal` is the bound that no dispatcher can beat. The first
two share `environments`, the model of what AWS starts and keeps warm. Each run fills a `record`,
from which `report` and `plots` make the table and the pictures.

Randomness comes from one seed; each kind of number has a stream of its own, named by text and not
by Python's hash. So every model sees the same requests, and the same seed gives the same bytes.

Rejected: ``task.Clock`` for the time (it sorts all calls again at each one); the whole ``Router``
on an in-memory network (closer to the truth, and far too slow for a million requests).
"""
