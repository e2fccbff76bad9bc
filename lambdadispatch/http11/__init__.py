"""HTTP/1.1 on Twisted transports, streaming, in both roles.

``server`` answers requests on a connection, ``client`` sends them, ``relay`` joins one exchange
of each, ``resource`` puts a ``twisted.web`` Resource tree on a server. The front, the control
port, the channels and the Lambda side's loopback connections are all made of these, so this
package knows none of them; of the project it uses ``wire`` alone.
"""
