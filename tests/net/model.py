#!/usr/bin/env python3
"""A model that has learnt its lines: OpenAI's Responses API, as an event stream.

    model.py DIR

TLS with DIR/cert.pem and DIR/key.pem (plain HTTP where there is none). Writes
its port to DIR/model-port, and to DIR/model-log a line for each request: its
authorization, method and path. Its part: first it has a shell command run
(DIR/model-command), then it says what that printed, then it is done.
"""
import http.server
import json
import os
import ssl
import sys

DIR = sys.argv[1]


def tool_of(request):
    """The tool by which this client runs a command: name and arguments."""
    with open(os.path.join(DIR, "model-command"), encoding="utf-8") as f:
        command = f.read().strip()
    names = {t.get("name") for t in request.get("tools", ())}
    if "exec_command" in names:
        return "exec_command", {"cmd": command}
    if "shell_command" in names:
        return "shell_command", {"command": command}
    return "shell", {"command": ["bash", "-c", command]}


def outputs_of(request):
    return [i for i in request.get("input", ())
            if isinstance(i, dict) and
            i.get("type", "").endswith("call_output")]


def say(text):
    return {"type": "message", "role": "assistant", "id": "msg_1",
            "content": [{"type": "output_text", "text": text}]}


def items(request):
    outputs = outputs_of(request)
    if outputs:
        return [say("The command said: " + json.dumps(outputs[-1]["output"]))]
    name, args = tool_of(request)
    return [{"type": "function_call", "id": "fc_1", "call_id": "call_1",
             "name": name, "arguments": json.dumps(args)}]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def note(self):
        with open(os.path.join(DIR, "model-log"), "a", encoding="utf-8") as f:
            f.write("%s %s %s\n" % (self.headers.get("authorization"),
                                    self.command, self.path))

    def do_GET(self):
        self.note()
        data = b"{\"object\": \"list\", \"data\": [], \"models\": []}"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def event(self, kind, body):
        data = ("event: %s\ndata: %s\n\n" % (
            kind, json.dumps(dict(body, type=kind)))).encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def do_POST(self):
        self.note()
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding"):
            data = b"{}"
        request = json.loads(data or b"{}")
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.event("response.created", {"response": {"id": "resp_1"}})
        done = items(request)
        for item in done:
            self.event("response.output_item.done",
                       {"item": item, "output_index": 0})
        self.event("response.completed", {"response": {
            "id": "resp_1", "output": done, "usage": {
                "input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
                "input_tokens_details": None,
                "output_tokens_details": None}}})
        self.wfile.write(b"0\r\n\r\n")


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if os.path.exists(os.path.join(DIR, "cert.pem")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(DIR, "cert.pem"),
                                os.path.join(DIR, "key.pem"))
        server.socket = context.wrap_socket(server.socket, server_side=True)
    path = os.path.join(DIR, "model-port")
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write("%d\n" % server.server_address[1])
    os.rename(path + ".new", path)
    server.serve_forever()


main()
