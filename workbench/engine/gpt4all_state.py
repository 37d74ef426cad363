"""Seeding gpt4all 2.8.2, which has no seed: through the state that it can save and restore.

The saved state begins with the sampler's Mersenne Twister as text (length, 624 words and a position, as C++ streams
write it) and tells how many tokens the memory of the context holds. Layout read in llama.cpp of that release; other
releases differ, so it is used only after the self-test of ``StateControl.open`` has passed on the loaded model.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from typing import Any

WORDS = 624


def twister_text(seed: int) -> bytes:
    """std::mt19937(seed) as ``operator<<`` writes it (MT19937 initialisation, Matsumoto and Nishimura 2002)."""
    words = [seed & 0xFFFFFFFF]
    for index in range(1, WORDS):
        previous = words[-1]
        words.append((1812433253 * (previous ^ (previous >> 30)) + index) & 0xFFFFFFFF)
    return " ".join(map(str, [*words, WORDS])).encode("ascii")


class StateControl:
    """The state of one loaded model. ``empty`` is the state after loading, with nothing read."""

    def __init__(self, library: Any, model: Any) -> None:
        self._library = library
        self._model = model
        library.llmodel_get_state_size.argtypes = [ctypes.c_void_p]
        library.llmodel_get_state_size.restype = ctypes.c_uint64
        for name in ("llmodel_save_state_data", "llmodel_restore_state_data"):
            function = getattr(library, name)
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
            function.restype = ctypes.c_uint64
        # Worst case, hundreds of megabytes, of which a few kilobytes are touched: mapped, not allocated.
        self._size = int(library.llmodel_get_state_size(model))
        self._map = mmap.mmap(-1, max(self._size, 1))
        self._buffer = (ctypes.c_char * self._size).from_buffer(self._map)
        self._empty = b""

    @classmethod
    def open(cls, library: Any, model: Any, sample: Callable[[], int]) -> StateControl | None:
        """A tested control, or None when this build is not as expected.

        ``sample`` reads a short prompt, draws one token at a high temperature and gives the number of tokens that
        the context then holds. The test: a seeded twister is read back, drawing advances it, the same seed
        brings the same twister after drawing, and the tokens are counted rightly.
        """
        control = cls(library, model)
        control._empty = control._save()
        if control._twister(control._empty).count(b" ") != WORDS:
            return None
        control.seed(1)
        if control._twister(control._save()) != twister_text(1):
            return None
        after = []
        for _ in range(2):
            control.seed(1)
            held = sample()
            if control.tokens_held() != held:
                return None
            after.append(control._twister(control._save()))
        sound = after[0] == after[1] != twister_text(1)
        return control if sound else None

    def seed(self, seed: int) -> None:
        """Empty context, and a sampler that starts from ``seed``."""
        twister = twister_text(seed)
        (length,) = struct.unpack_from("<Q", self._empty)
        data = struct.pack("<Q", len(twister)) + twister + self._empty[8 + length :]
        self._map[: len(data)] = data
        self._library.llmodel_restore_state_data(self._model, ctypes.addressof(self._buffer))

    def tokens_held(self) -> int:
        """Tokens that the context holds, also those that were never given out; -1 when the layout is not known."""
        self._library.llmodel_save_state_data(self._model, ctypes.addressof(self._buffer))
        try:
            (length,) = struct.unpack_from("<Q", self._map)
            position = 8 + length
            (outputs,) = struct.unpack_from("<Q", self._map, position)
            position += 8 + 4 * outputs
            for _ in ("logits", "embeddings"):
                (count,) = struct.unpack_from("<Q", self._map, position)
                position += 8 + 4 * count
            (held,) = struct.unpack_from("<I", self._map, position + 8)
        except struct.error:
            return -1
        return int(held)

    def _save(self) -> bytes:
        used = int(self._library.llmodel_save_state_data(self._model, ctypes.addressof(self._buffer)))
        return self._map[:used]

    def _twister(self, state: bytes) -> bytes:
        if len(state) < 8:
            return b""
        (length,) = struct.unpack_from("<Q", state)
        return state[8 : 8 + length] if length < 1 << 14 else b""
