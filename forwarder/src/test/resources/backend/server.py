"""Serves on each address given: TCP answers a request of any length with its SHA-256 and as many bytes as it names;
UDP echoes. Prints "ready" when all sockets are bound."""
import hashlib
import socket
import sys
import threading

PORT = 7000


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def answer(connection):
    with connection:
        connection.settimeout(10)
        head = b""
        while not head.endswith(b"\n"):
            head += connection.recv(1)
        request, reply = map(int, head.split())
        digest = hashlib.sha256()
        while request > 0:
            data = connection.recv(65536)
            if not data:
                return
            request -= len(data)
            digest.update(data)
        connection.sendall(digest.hexdigest().encode() + b"\n" + b"r" * reply)


def serve_tcp(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def serve_udp(datagrams):
    while True:
        data, peer = datagrams.recvfrom(65536)
        datagrams.sendto(data, peer)


threads = []
for address in sys.argv[1:]:
    tcp = socket.socket(family(address), socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, PORT))
    tcp.listen(16)
    udp = socket.socket(family(address), socket.SOCK_DGRAM)
    udp.bind((address, PORT))
    threads.append(threading.Thread(target=serve_tcp, args=(tcp,)))
    threads.append(threading.Thread(target=serve_udp, args=(udp,)))
for thread in threads:
    thread.daemon = True
    thread.start()
print("ready", flush=True)
sys.stdin.read()
