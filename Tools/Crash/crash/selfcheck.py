"""Planted defects: each has to break a promise at once, or this machinery sees nothing.

Where a defect needs no other program it is made in the recorder (nothing is synced) or in the trace
of a sound recording, in which calls are left out or change places. What needs another build is a
patch under Tests/Defects; `run --expect-broken` is what proves it.
"""

import time
from dataclasses import replace

import scenarios
import trace
from images import Images
from recording import Recording
from world import Failure

IMAGES = 400


def meta_with_data(recording):
    """The meta page is written before the sync that was to separate it from the data."""
    events, kept = [], None
    for event in recording.events:
        if event.kind == trace.SYNC and kept is None:
            kept = event
        elif event.kind == trace.WRITE and event.flags & trace.DURABLE and kept is not None:
            events += [replace(event, flags=0), replace(kept, inode=event.inode)]
            kept = None
        else:
            events.append(event)
    return events


def answer_first(recording):
    """Each answer is given before the commit it speaks of."""
    events, since = [], 0
    for event in recording.events:
        if event.kind == trace.OUTPUT:
            events.insert(since, event)
            since = len(events)
        else:
            events.append(event)
    return events


def without_syncs(recording, concerns):
    made = {event.inode: event for event in recording.events
            if event.kind in (trace.CREATE, trace.MAKE_DIRECTORY)}
    directories = {inode for _, inode, content in recording.start if content is None}
    directories |= {inode for inode, event in made.items() if event.kind == trace.MAKE_DIRECTORY}
    return [event for event in recording.events
            if event.kind != trace.SYNC or not concerns(event.inode, made, directories)]


def names_unsynced(recording):
    """Directories are never synced."""
    return without_syncs(recording, lambda inode, made, directories: inode in directories)


def key_unsynced(recording):
    """The signing key's file is not synced before its name is."""
    return without_syncs(recording, lambda inode, made, _: inode in made
                         and made[inode].first.endswith(b".key"))


def data_unsynced(recording):
    """Data pages are not synced; meta pages are."""
    return without_syncs(recording, lambda inode, made, directories: inode not in directories)


DEFECTS = [
    ("nothing is synced", None, ["Creation", "Single", "Batches", "Trim", "Sync"]),
    ("data pages are not synced", data_unsynced, ["Single", "Groups", "Pushes"]),
    ("the meta page is not kept behind the data", meta_with_data, ["Single", "Batches", "Trim"]),
    ("an answer comes before its commit", answer_first, ["Single", "Groups"]),
    ("directories are not synced", names_unsynced, ["Creation"]),
    ("the key file is not synced", key_unsynced, ["Creation"]),
]


class Unseen(Exception):
    """A planted defect that broke no promise."""


def find(change, kind, tools, seed, pool):
    """What was seen of a planted defect, and after how many images."""
    recording = Recording(kind(seed), tools, nosync=change is None)
    try:
        if change:
            recording.events = change(recording)
        images = Images(recording, tools, seed, pool)
    except Failure as failure:
        recording.world.end()
        return 0, str(failure)
    images.run(IMAGES, stop_at=1)
    failures, images.failures = images.failures, []
    images.end()
    if not failures:
        raise Unseen(f"{images.checked} images of {kind.__name__} were all right")
    return images.checked, failures[0].split(" (kept:")[0]


def run(tools, seed, pool):
    """Prints a line per defect; whether all were found."""
    passed = True
    for name, change, kinds in DEFECTS:
        began = time.perf_counter()
        try:
            found = [find(change, getattr(scenarios, kind), tools, seed, pool) for kind in kinds]
        except Unseen as unseen:
            passed = False
            print(f"FAIL planted: {name}: not found; {unseen}", flush=True)
            continue
        most = max(images for images, _ in found)
        print(f"ok  planted: {name}  {time.perf_counter() - began:.1f} s  found in each of "
              f"{', '.join(kinds).lower()} within {most} images", flush=True)
        for _, failure in found[:1]:
            print(f"     {failure[:300]}", flush=True)
    return passed
