"""What media streams cost: ``StreamApp`` beside a bare ``websockets`` echo, and its other figures.

The server runs in a process of its own on one core, the callers in another: each sends a frame of 20 ms at 16 kHz in
real time and gets it back. A frame is late if it comes back more than 20 ms after it was due. The number of calls is
raised until more than 1 in 1,000 frames is late. Then: CPU per frame, time from an interruption to ``clear``, memory of
idle streams, and the growth of a process over a call of an hour. ``python -m benchmarks.streams``.
"""

import argparse
import asyncio
import json
import logging
import multiprocessing
import os
import resource
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FRAME = b"\x10\x20" * 320
KEY, SECRET = "key", "c2VjcmV0"
BARE, OURS, OURS_ASGI = "bare websockets echo", "StreamApp on websockets", "StreamApp on uvicorn"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each trial")
    parser.add_argument("--calls", type=int, nargs="*", default=[50, 100, 150, 200, 250, 300, 400])
    parser.add_argument("--idle", type=int, default=1_000)
    options = parser.parse_args(arguments)
    best: dict[str, int] = {}
    for name in (BARE, OURS, OURS_ASGI):
        for calls in options.calls:
            found = trial(name, calls, options.seconds)
            late = found["late"] / max(1, found["frames"])
            print(
                f"{name:24} {calls:4} calls  {found['cpu']:6.1f} us CPU a frame  "
                f"p99 {found['p99'] * 1000:5.1f} ms  {late:.3%} of {found['frames']} frames late"
            )
            if late > 0.001:
                break
            best[name] = calls
    for name in (OURS, OURS_ASGI):
        print(
            f"{name}: {best.get(name, 0)} calls, {best.get(name, 0) / max(1, best.get(BARE, 1)):.2f} of the bare echo"
        )
    print(f"interrupt to silence: {interrupt():.1f} ms (median of 20, one call)")
    for name in (BARE, OURS):
        print(f"{name}: {idle(name, options.idle):.1f} KB for each of {options.idle} idle streams")
    print(f"a call of an hour grows by {hour() / 1e6:.2f} MB")


@contextmanager
def served(name: str) -> Iterator[tuple[int, Any, Any]]:
    """Serve in another process; give the port, its process, and a pipe that answers with CPU seconds and memory."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(name, theirs), daemon=True)
    process.start()
    port: int = ours.recv()
    try:
        yield port, process, ours
    finally:
        process.terminate()
        process.join()


def _serve(name: str, pipe: Any) -> None:
    logging.disable()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asyncio.run(_serve_async(name, pipe))


async def _serve_async(name: str, pipe: Any) -> None:
    from websockets.asyncio.server import serve

    from sinch_voice_async.streams import StreamApp

    app = StreamApp(KEY, SECRET, require_token=False)

    @app.on_call
    async def echo(stream: Any) -> None:
        async for frame in stream:
            await stream.send_audio(frame)

    async def bare(connection: Any) -> None:
        await connection.recv()
        await connection.send('{"command":"answer"}')
        async for frame in connection:
            await connection.send(frame)

    asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: (pipe.recv(), pipe.send(_usage())))
    listener = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    pipe.send(listener.getsockname()[1])
    if name == OURS_ASGI:
        import uvicorn

        config = uvicorn.Config(
            app, ws="websockets-sansio", ws_per_message_deflate=False, log_config=None, lifespan="off"
        )
        await uvicorn.Server(config).serve([listener])
        return
    handler = bare if name == BARE else app.websockets_handler
    async with serve(handler, sock=listener, compression=None):
        await asyncio.Future()


def _usage() -> tuple[float, int]:
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return time.process_time(), pages * os.sysconf("SC_PAGE_SIZE")


def ask(pipe: Any) -> tuple[float, int]:
    """Return CPU seconds and bytes of memory of a server."""
    pipe.send("usage")
    found: tuple[float, int] = pipe.recv()
    return found


def trial(name: str, calls: int, seconds: float) -> dict[str, Any]:
    """Return how a number of calls fared."""
    with served(name) as (port, _, pipe):
        return asyncio.run(_callers(port, calls, seconds, pipe))


async def _callers(port: int, calls: int, seconds: float, pipe: Any) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    sockets = [await _connect(port) for _ in range(calls)]
    before, _ = ask(pipe)
    start = time.perf_counter() + 0.2
    delays: list[float] = []
    await asyncio.gather(
        *(_talk(pair, start + 0.02 * index / calls, seconds, delays) for index, pair in enumerate(sockets))
    )
    after, _ = ask(pipe)
    os.sched_setaffinity(0, set(cores))
    for _, writer in sockets:
        writer.close()
    delays.sort()
    frames = len(delays)
    return {
        "frames": frames,
        "late": sum(delay > 0.02 for delay in delays),
        "p99": delays[int(frames * 0.99)] if delays else 0.0,
        "cpu": (after - before) / max(1, frames) * 1e6,
    }


async def _connect(port: int) -> Any:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    hello = json.dumps({"command": "connect", "callId": "1", "sampleRate": 16_000}).encode()
    writer.write(_frame(1, hello))
    await _read(reader)
    return reader, writer


def _frame(opcode: int, data: bytes) -> bytes:
    # A mask of zeros masks nothing, and costs the callers nothing.
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + bytes(4) + data


async def _read(reader: asyncio.StreamReader) -> bytes:
    _, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    return await reader.readexactly(size)


SENT = _frame(2, FRAME)


async def _talk(pair: Any, start: float, seconds: float, delays: list[float]) -> None:
    reader, writer = pair
    count = int(seconds / 0.02)

    async def hear() -> None:
        for index in range(count):
            await _read(reader)
            delays.append(time.perf_counter() - start - index * 0.02)

    hearing = asyncio.create_task(hear())
    for index in range(count):
        await asyncio.sleep(max(0.0, start + index * 0.02 - time.perf_counter()))
        writer.write(SENT)
    await hearing


def interrupt() -> float:
    """Return the median of milliseconds from an interruption to the ``clear`` on the wire."""
    return statistics.median(asyncio.run(_interrupts(20)))


async def _interrupts(count: int) -> list[float]:
    from websockets.asyncio.server import serve

    from sinch_voice_async.streams import Pcm, StreamApp

    app = StreamApp(KEY, SECRET, require_token=False)

    @app.on_call
    async def agent(stream: Any) -> None:
        async def speak() -> None:
            while stream.ended is None:
                await stream.send_audio(bytes(320_000))

        task = asyncio.create_task(speak())
        async for frame in stream:
            if Pcm.level_db(frame) > -40:
                await stream.clear()
        task.cancel()

    found: list[float] = []
    async with serve(app.websockets_handler, "127.0.0.1", 0, compression=None) as server:
        reader, writer = await _connect(server.sockets[0].getsockname()[1])
        for _ in range(count):
            await asyncio.sleep(0.05)
            began = time.perf_counter()
            writer.write(SENT)
            while b"clear" not in await _read(reader):
                pass
            found.append((time.perf_counter() - began) * 1000)
        writer.close()
    return found


def idle(name: str, count: int) -> float:
    """Return KB of memory for each idle stream."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with served(name) as (port, _, pipe):
        return asyncio.run(_idle(port, count, pipe))


async def _idle(port: int, count: int, pipe: Any) -> float:
    first = [await _connect(port) for _ in range(10)]
    await asyncio.sleep(0.2)
    _, before = ask(pipe)
    rest = [await _connect(port) for _ in range(count)]
    await asyncio.sleep(0.5)
    _, after = ask(pipe)
    for _, writer in first + rest:
        writer.close()
    return (after - before) / count / 1024


def hour() -> float:
    """Return by how many bytes the process grows over the last 55 minutes of a call of an hour, on a virtual clock."""
    return asyncio.run(_hour())


async def _hour() -> float:
    from sinch_voice_async.streams import Pcm, StreamApp
    from sinch_voice_async.streams.pacing import Playout
    from sinch_voice_async.testing import stream_peer

    app = StreamApp(KEY, SECRET, require_token=False)

    @app.on_call
    async def agent(stream: Any) -> None:
        async for frame in stream:
            if Pcm.level_db(frame) > -40:
                await stream.send_audio(frame)

    async with stream_peer(app) as caller:
        await caller.wait(300)
        _, before = _usage()
        for _ in range(11):
            await caller.say(Pcm.tone(400, 2.0, caller.sample_rate))
            # What the caller has heard is the test's to keep, and not the application's.
            caller.messages.clear()
            caller.playout = Playout(caller.sample_rate, caller.now)
            await caller.wait(298)
        _, after = _usage()
    return after - before


if __name__ == "__main__":
    main()
