#!/usr/bin/env python3
"""Serves a picture as an endless MJPEG stream on loopback; the port goes to a file once it listens.

mjpeg_server.py PICTURE FRAMES_PER_SECOND PORT_FILE SECONDS
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def main():
    picture = Path(sys.argv[1]).read_bytes()
    pause, port_file, seconds = 1 / float(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])

    class Stream(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                while True:
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                    self.wfile.write(head.encode() + picture + b"\r\n")
                    time.sleep(pause)
            except OSError:
                pass  # the reader has gone

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
    server.daemon_threads = True
    threading.Timer(seconds, server.shutdown).start()
    part = port_file.with_suffix(".part")
    part.write_text(str(server.server_address[1]))
    part.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
