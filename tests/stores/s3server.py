"""moto's S3 server in a process of its own: prints its address, and ends when its stdin does."""

import sys

from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
sys.stdout.write("http://{}:{}\n".format(*server.get_host_and_port()))
sys.stdout.flush()
sys.stdin.read()
server.stop()
