"""The file `snapshot` of a journal whose commits are synced at intervals (docs/format)."""

SLOTS = (0, 65_536)
SLOT_BYTES = 512
MARK = b"SJSNAP1\n"


def _table():
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F6_3B78 if crc & 1 else 0)
        table.append(crc)
    return table


TABLE = _table()


def crc32c(data):
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF_FFFF


def name_inode(path, inode):
    """Makes whole slots speak of another data file: an image is a copy of one. Torn ones stay."""
    data = bytearray(path.read_bytes())
    for at in SLOTS:
        slot = data[at:at + SLOT_BYTES]
        if len(slot) < SLOT_BYTES or not slot.startswith(MARK):
            continue
        if crc32c(slot[:-4]) != int.from_bytes(slot[-4:], "big"):
            continue
        slot[16:24] = inode.to_bytes(8, "big")
        slot[-4:] = crc32c(slot[:-4]).to_bytes(4, "big")
        data[at:at + SLOT_BYTES] = slot
    path.write_bytes(data)
