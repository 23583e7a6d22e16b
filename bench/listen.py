#!/usr/bin/env python3
"""Listens on TCP ports of every IPv4 address, says so by a line, and stays until it is ended.

    listen.py PORT...
"""

import signal
import socket
import sys

sockets = [socket.create_server(("0.0.0.0", int(port))) for port in sys.argv[1:]]
print("listening", flush=True)
signal.pause()
