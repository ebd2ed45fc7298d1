"""Publishes a counted picture and a tone by WHIP (RFC 9725) until its input closes.

Says one JSON line per change of the connection's state on standard output.
"""

import argparse
import asyncio
import fractions
import json
import sys
import urllib.parse

import numpy
from aiortc import (
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av import AudioFrame, VideoFrame

import counter
from http_sdp import request

FPS = 15
RATE = 48000
BLOCK = 960


class Paced(MediaStreamTrack):
    """A track whose frames come by the clock."""

    async def pace(self, due_s):
        loop = asyncio.get_running_loop()
        self.start = getattr(self, "start", None) or loop.time()
        await asyncio.sleep(max(0, self.start + due_s - loop.time()))


class Picture(Paced):
    kind = "video"

    def __init__(self, clip):
        super().__init__()
        self.clip, self.count = clip, 0

    async def recv(self):
        await self.pace(self.count / FPS)
        grey = counter.draw(self.clip, self.count)
        frame = VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
        frame.pts, frame.time_base = self.count * 90000 // FPS, fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class Tone(Paced):
    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz, self.at = hz, 0

    async def recv(self):
        await self.pace(self.at / RATE)
        phase = 2 * numpy.pi * self.hz * (self.at + numpy.arange(BLOCK)) / RATE
        samples = (8000 * numpy.sin(phase)).astype(numpy.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.at, fractions.Fraction(1, RATE)
        self.at += BLOCK
        return frame


def say(**words):
    print(json.dumps(words), flush=True)


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--url", required=True)
    arguments.add_argument("--token", required=True)
    arguments.add_argument("--clip", type=int, default=7)
    arguments.add_argument("--tone-hz", type=int, default=530)
    options = arguments.parse_args()

    peer = RTCPeerConnection()
    peer.on("connectionstatechange", lambda: say(state=peer.connectionState))
    peer.addTransceiver(Tone(options.tone_hz), "sendonly")
    video = peer.addTransceiver(Picture(options.clip), "sendonly")
    wanted = ("video/h264", "video/rtx")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences([one for one in codecs if one.mimeType.lower() in wanted])
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp
    status, headers, answer = await asyncio.to_thread(request, "POST", options.url, options.token, offer)
    session = urllib.parse.urljoin(options.url, headers["Location"])
    say(status=status)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    await asyncio.to_thread(sys.stdin.read)
    status, _, _ = await asyncio.to_thread(request, "DELETE", session, options.token)
    say(deleted=status)
    await peer.close()


asyncio.run(main())
