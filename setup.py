"""Packaging.

``package_dir`` must name the root: without it an editable install does not put
``twisted/plugins`` on the path and the twistd plugin is silently missing.
"""

from setuptools import find_packages, setup

setup(
    package_dir={"": "."},
    packages=[
        *find_packages(include=["lambdadispatch*", "lambda_side*"]),
        "twisted.plugins",
    ],
)
