#!/usr/bin/env python3
"""One call of the camera service's API, with Python's standard library alone. Prints the result, or the error to stderr."""
import argparse, base64, json, os, socket, struct, sys
from urllib.parse import urlsplit

def connect(url):  # RFC 6455 section 4.1
    where, key = urlsplit(url), base64.b64encode(os.urandom(16)).decode()
    stream = socket.create_connection((where.hostname, where.port or 80), timeout=60).makefile("rwb")
    stream.write(f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                 f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
    stream.flush()
    status = stream.readline().decode().strip()
    while stream.readline().strip():
        pass  # the other lines of the head
    return stream if " 101 " in status else sys.exit(f"{url}: {status or 'no answer'}")

def call(stream, method, params):
    data, mask = json.dumps({"jsonrpc": "2.0", "id": method, "method": method, "params": params}).encode(), os.urandom(4)
    length = struct.pack("!B", 128 | len(data)) if len(data) < 126 else struct.pack("!BH", 128 | 126, len(data))
    stream.write(b"\x81" + length + mask + bytes(byte ^ mask[n % 4] for n, byte in enumerate(data)))  # section 5.3
    stream.flush()
    while head := stream.read(2):
        kind, length = head[0] & 15, head[1]
        length = int.from_bytes(stream.read({126: 2, 127: 8}[length])) if length > 125 else length
        data = stream.read(length)
        if kind == 8:
            sys.exit(f"closed by the service: {data[2:].decode()}")
        answer = json.loads(data) if kind == 1 else {}  # pings may wait: one call is over before they matter
        if answer.get("id") == method:
            return answer["result"] if "result" in answer else sys.exit(json.dumps(answer["error"], indent=2))
    sys.exit("the connection was lost")

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("token", help="camera-service token issue, or what the demo prints")
parser.add_argument("method", help="get_camera_list, take_snapshot, ..: see docs/api.md")
parser.add_argument("params", nargs="?", default={}, type=json.loads, help="""such as '{"device": "camera0"}'""")
parser.add_argument("--url", default="ws://127.0.0.1:8002/ws", help="default: %(default)s")
given = parser.parse_args()
try:
    service = connect(given.url)
    call(service, "authenticate", {"auth_token": given.token})
    print(json.dumps(call(service, given.method, given.params), indent=2))
except OSError as error:
    sys.exit(f"{given.url}: {error}")
