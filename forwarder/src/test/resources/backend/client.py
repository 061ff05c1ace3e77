"""Talks to server.py at addresses (with commas between) by TCP and UDP: bytes to send, bytes to get back. Exit status 0
when all came right."""
import hashlib
import os
import socket
import sys

PORT = 7000
TIMEOUT_S = 5


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask_udp(address):
    with socket.socket(family(address), socket.SOCK_DGRAM) as udp:
        udp.settimeout(TIMEOUT_S)
        udp.connect((address, PORT))  # Only answers from the VIP itself are taken.
        question = os.urandom(1200)
        udp.send(question)
        if udp.recv(65536) != question:
            sys.exit(address + ": UDP: another answer")


def ask_tcp(address, request, reply):
    with socket.socket(family(address), socket.SOCK_STREAM) as tcp:
        tcp.settimeout(TIMEOUT_S)
        tcp.connect((address, PORT))
        data = os.urandom(request)
        tcp.sendall(b"%d %d\n" % (request, reply))
        tcp.sendall(data)
        answer = b""
        while len(answer) < 65 + reply:
            part = tcp.recv(1 << 20)
            if not part:
                sys.exit(address + ": TCP: cut short")
            answer += part
        if answer[:64].decode() != hashlib.sha256(data).hexdigest():
            sys.exit(address + ": TCP: the server got something else")


for each in sys.argv[1].split(","):
    ask_udp(each)
    ask_tcp(each, int(sys.argv[2]), int(sys.argv[3]))
print("ok")
