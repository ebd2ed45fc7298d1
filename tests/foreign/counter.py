"""The frame counter of tests/browser/lib/counter.mjs, for numpy pictures."""

import numpy

COLUMNS, ROWS = 10, 3


def checksum(clip, count):
    crc = 0x5A
    for byte in (clip & 15, count >> 8 & 255, count & 255):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 7) & 255 if crc & 128 else crc << 1 & 255
    return crc


def draw(clip, count, width=640, height=360):
    """A grey picture with the counter in its upper half."""
    number = 0b10 << 28 | clip << 24 | count << 8 | checksum(clip, count)
    bits = [number >> (29 - i) & 1 for i in range(COLUMNS * ROWS)]
    picture = numpy.full((height, width), 120, dtype=numpy.uint8)
    picture[height // 2 :, (count * 8) % width : (count * 8) % width + 40] = 200
    for i, bit in enumerate(bits):
        x, y = i % COLUMNS * width // COLUMNS, i // COLUMNS * height // 6
        picture[y : y + height // 6, x : x + width // COLUMNS] = 235 if bit else 16
    return picture


def read(picture):
    """`(clip, count)` of a grey picture, or None."""
    height, width = picture.shape
    level = []
    for i in range(COLUMNS * ROWS):
        column, row = i % COLUMNS, i // COLUMNS
        block = picture[
            int((row + 0.3) * height / 6) : int((row + 0.7) * height / 6),
            int((column + 0.3) * width / COLUMNS) : int((column + 0.7) * width / COLUMNS),
        ]
        level.append(float(block.mean()))
    if level[0] - level[1] < 40:
        return None
    threshold = (level[0] + level[1]) / 2
    number = 0
    for one in level:
        number = number << 1 | (one > threshold)
    clip, count = number >> 24 & 15, number >> 8 & 0xFFFF
    return (clip, count) if number & 255 == checksum(clip, count) else None
