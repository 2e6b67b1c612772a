"""make_avi.py PICTURE.jpg FRAMES OUT.avi [ANNOUNCED]: a Motion JPEG video that repeats a picture.

ANNOUNCED frames stand in the header (FRAMES if not given): a file that was cut off.
Source of the format: the RIFF and AVI structures of Microsoft's AVI RIFF file reference.
"""

import struct
import sys


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def size_of(jpeg):
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):  # to the frame header
        at += 2 + struct.unpack(">H", jpeg[at + 2:at + 4])[0]
    height, width = struct.unpack(">HH", jpeg[at + 5:at + 9])
    return width, height


def main():
    jpeg = open(sys.argv[1], "rb").read()
    frames = int(sys.argv[2])
    announced = int(sys.argv[4]) if len(sys.argv) > 4 else frames
    width, height = size_of(jpeg)
    avih = struct.pack("<14I", 40000, 0, 0, 0x10, announced, 0, 1, len(jpeg), width, height,
                       0, 0, 0, 0)
    strh = b"vidsMJPG" + struct.pack("<10I", 0, 0, 0, 1, 25, 0, announced, len(jpeg), 0xFFFFFFFF, 0)
    strh += struct.pack("<4H", 0, 0, width, height)
    strf = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 24, b"MJPG", width * height * 3,
                       0, 0, 0, 0)
    strl = chunk(b"LIST", b"strl" + chunk(b"strh", strh) + chunk(b"strf", strf))
    hdrl = chunk(b"LIST", b"hdrl" + chunk(b"avih", avih) + strl)
    movi, index, at = b"movi", b"", 4
    for _ in range(frames):
        index += b"00dc" + struct.pack("<III", 0x10, at, len(jpeg))
        movi += chunk(b"00dc", jpeg)
        at = len(movi)
    body = b"AVI " + hdrl + chunk(b"LIST", movi) + chunk(b"idx1", index)
    open(sys.argv[3], "wb").write(chunk(b"RIFF", body))


if __name__ == "__main__":
    main()
