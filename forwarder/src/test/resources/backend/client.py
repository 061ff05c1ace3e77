"""Talks to server.py at an address by TCP and UDP: bytes to send, bytes to get back. Exit status 0 when all came right.
"""
import hashlib
import os
import socket
import sys

PORT = 7000

address, request, reply = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
timeout = float(sys.argv[4]) if len(sys.argv) > 4 else 5
family = socket.AF_INET6 if ":" in address else socket.AF_INET

with socket.socket(family, socket.SOCK_DGRAM) as udp:
    udp.settimeout(timeout)
    udp.connect((address, PORT))  # Only answers from the VIP itself are taken.
    question = os.urandom(1200)
    udp.send(question)
    if udp.recv(65536) != question:
        sys.exit("UDP: another answer")

with socket.socket(family, socket.SOCK_STREAM) as tcp:
    tcp.settimeout(timeout)
    tcp.connect((address, PORT))
    data = os.urandom(request)
    tcp.sendall(b"%d %d\n" % (request, reply))
    tcp.sendall(data)
    answer = b""
    while len(answer) < 65 + reply:
        part = tcp.recv(1 << 20)
        if not part:
            sys.exit("TCP: cut short")
        answer += part
    if answer[:64].decode() != hashlib.sha256(data).hexdigest():
        sys.exit("TCP: the server got something else")
print("ok")
