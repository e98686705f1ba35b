import psutil
import pytest
import zstandard

from cocalc_jupyter_ext.conat.persist.database.compression import Compression
from cocalc_jupyter_ext.conat.persist.errors import StoreCorrupt


def test_only_payloads_longer_than_the_threshold_are_compressed() -> None:
    compression = Compression()

    assert compression.pack(b"x" * 1024) == (0, b"x" * 1024)
    algorithm, data = compression.pack(b"x" * 1025)
    assert algorithm == 1
    assert compression.unpack(algorithm, data) == b"x" * 1025
    assert Compression(None).pack(b"x" * 10**6)[0] == 0


def test_frames_tell_their_size() -> None:
    _, data = Compression().pack(b"x" * 5000)

    assert zstandard.frame_content_size(data) == 5000


def test_frames_that_do_not_tell_their_size_are_read() -> None:
    data = zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 500_000)

    assert Compression().unpack(1, data) == b"x" * 500_000


def test_open_streams_keep_nothing_of_what_compressing_takes() -> None:
    process, raw = psutil.Process(), b"0123456789abcdef" * 15_000
    streams = [Compression() for _ in range(50)]
    streams[0].pack(raw)
    before = process.memory_info().rss

    for stream in streams:
        assert stream.unpack(*stream.pack(raw)) == raw

    assert process.memory_info().rss - before < len(streams) * 100_000


@pytest.mark.parametrize(
    ("algorithm", "data"),
    [
        (2, b"x"),
        (1, b""),
        (1, b"rubbish"),
        (1, zstandard.ZstdCompressor().compress(b"x" * 5000)[:-3]),
        # A frame that claims 2^60 bytes is refused before memory is asked for.
        (1, b"\x28\xb5\x2f\xfd\xe0" + (2**60).to_bytes(8, "little") + b"\x00" * 9),
    ],
)
def test_what_cannot_be_read_is_said_to_be_damaged(algorithm: int, data: bytes) -> None:
    with pytest.raises(StoreCorrupt, match="a payload"):
        Compression().unpack(algorithm, data)
