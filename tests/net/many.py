#!/usr/bin/env python3
"""Many connections: one program is both ends.

    many.py serve FILE           echoes; writes its port to FILE
    many.py hold HOST PORT N     opens N connections, sends a line over each and
                                 gets it back; says "held N"; goes on when its
                                 standard input ends; sends over each again, says
                                 "done N"
"""
import asyncio
import os
import resource
import sys


async def echo(reader, writer):
    while True:
        data = await reader.read(4096)
        if not data:
            break
        writer.write(data)
    writer.close()


async def serve(path):
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(f"{port}\n")
    os.rename(path + ".new", path)
    async with server:
        await server.serve_forever()


async def one(host, port, i, gate):
    async with gate:
        reader, writer = await asyncio.open_connection(host, port)
        if not await turn(reader, writer, i):
            raise ConnectionError("no echo")
    return reader, writer


async def turn(reader, writer, i):
    line = b"line %d\n" % i
    writer.write(line)
    return await asyncio.wait_for(reader.readline(), 60) == line


async def hold(host, port, n):
    gate = asyncio.Semaphore(64)
    all_ = await asyncio.gather(*(one(host, port, i, gate) for i in range(n)))
    print("held", len(all_), flush=True)
    await asyncio.get_event_loop().run_in_executor(None, sys.stdin.read)
    again = 0
    for i, (reader, writer) in enumerate(all_):
        again += await turn(reader, writer, i)
    print("done", again, flush=True)
    for _, writer in all_:
        writer.close()


def main():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    del soft
    if sys.argv[1] == "serve":
        asyncio.run(serve(sys.argv[2]))
    else:
        asyncio.run(hold(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))


main()
