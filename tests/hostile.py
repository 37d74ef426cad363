"""Hypothesis strategies for texts and values that are hard on files."""

from __future__ import annotations

from hypothesis import strategies as st

NASTY = "\r\n\t \"'\\\x00\x1b\x7f\x85\xa0\xad\u200b\u200d\u202e\u2028\u3000\ufeff\U000e0041<=>#{}[]東👩a\ud800"
TEXTS = st.text(max_size=60) | st.text(alphabet=NASTY, max_size=60)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
