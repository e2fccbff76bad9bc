"""Makes ``twistd lambdadispatch`` known; strings only, so that listing plugins imports nothing."""

from twisted.application.service import ServiceMaker

lambdadispatch = ServiceMaker(
    "lambdadispatch",
    "lambdadispatch.tap",
    "Queue HTTP requests and run AWS Lambda functions many requests at a time.",
    "lambdadispatch",
)
