"""Shared data structures over persistent streams: logs, key-value maps, maps of objects.

Pure parts say what happens to the data (``replica``, ``dstream_state``, ``dkv_state``, ``merge``);
shells around them talk to the stream (``core_stream``, ``dstream``, ``dkv``). ``opening`` is where
users begin.
"""

__all__: list[str] = []
