# SPDX-License-Identifier: Apache-2.0
"""The lab: hosts, links and real neighbors for nigh, in network namespaces of one machine.

namespaces  hosts (a network namespace each), links between them, sockets inside them
process     programs that run in a host: started, logged, ended by their own pid
wait        polling with a deadline
routers     FRR, BIRD, GoBGP, OpenBGPD and ExaBGP behind one interface
servers     BIND and small listeners
client      a resolver client that records who answered each query, and when
capture     BGP messages on a link, with the kernel's time stamps
nighd       nighd and nigh
topologies  the networks that tests and the demo use
"""
