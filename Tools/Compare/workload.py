"""The records all sides write: one field of text, about 200 bytes."""

import random


def records(count):
    source = random.Random(20260131)
    for number in range(count):
        words = "".join(source.choices("abcdefghijklmnopqrstuvwxyz ", k=180))
        yield f"n{number:08d}", words
