"""Receives by WHEP until enough frames came, then says what it saw and heard as one JSON line."""

import argparse
import asyncio
import json
import sys
import time
import urllib.parse

import numpy
from aiortc import RTCPeerConnection, RTCSessionDescription

import counter
from http_sdp import request


class Seen:
    def __init__(self):
        self.frames, self.reads, self.first_s, self.sound = 0, [], None, []


async def look(track, seen, start):
    while True:
        frame = await track.recv()
        if seen.first_s is None:
            seen.first_s = time.monotonic() - start
        seen.frames += 1
        read = counter.read(frame.to_ndarray(format="gray"))
        if read:
            seen.reads.append(read)


async def hear(track, seen):
    while True:
        frame = await track.recv()
        samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
        seen.sound = (seen.sound + [samples.astype(numpy.float64) / 32768])[-100:]


def loudest_hz(sound, rate=48000):
    """The loudest tone of the last two seconds, or None when there is silence."""
    if not sound:
        return None
    samples = numpy.concatenate(sound)
    power = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    power[: int(200 * len(samples) / rate)] = 0
    peak = int(power.argmax())
    return round(peak * rate / len(samples)) if power[peak] > 1 else None


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--token", required=True)
    arguments.add_argument("--frames", type=int, default=60)
    arguments.add_argument("--ceiling-s", type=float, default=30)
    options = arguments.parse_args()

    peer = RTCPeerConnection()
    start, seen, tasks = time.monotonic(), Seen(), []
    peer.on(
        "track",
        lambda track: tasks.append(
            asyncio.ensure_future(look(track, seen, start) if track.kind == "video" else hear(track, seen))
        ),
    )
    peer.addTransceiver("audio", "recvonly")
    peer.addTransceiver("video", "recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    status, headers, answer = await asyncio.to_thread(
        request, "POST", options.url, options.token, peer.localDescription.sdp
    )
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    heard = None
    while time.monotonic() - start < options.ceiling_s and (len(seen.reads) < options.frames or not heard):
        await asyncio.sleep(0.2)
        heard = loudest_hz(seen.sound)
    session = urllib.parse.urljoin(options.url, headers["Location"])
    deleted, _, _ = await asyncio.to_thread(request, "DELETE", session, options.token)
    words = {
        "status": status,
        "deleted": deleted,
        "state": peer.connectionState,
        "frames": seen.frames,
        "reads": len(seen.reads),
        "clips": sorted({clip for clip, _ in seen.reads}),
        "counts": len({count for _, count in seen.reads}),
        "first_s": seen.first_s,
        "tone_hz": heard,
    }
    print(json.dumps(words), flush=True)
    for task in tasks:
        task.cancel()
    await peer.close()
    return 0 if len(seen.reads) >= options.frames else 1


sys.exit(asyncio.run(main()))
