"""A query as SQL: what FTS5 is asked, and the conditions on the rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from workbench.session.index_build import number_of
from workbench.session.index_db import COLUMNS
from workbench.session.index_query import Filter, Query
from workbench.session.index_text import Term

Condition = tuple[str, list[Any]]


def word_match(query: Query) -> str:
    """The FTS5 expression of the terms that must be there; empty when there are none with a letter or number."""
    return " AND ".join(term.match for term in query.wanted if term.tokens)


def conditions(query: Query, *, fts: bool) -> tuple[list[str], list[Any]]:
    """Conditions to be joined by AND, and their values; those of the terms only for FTS5."""
    found = [_filter(item) for item in query.filters]
    if fts:
        found += [_term(term) for term in query.terms if term.negated or not term.tokens]
    return [text for text, _ in found], [value for _, values in found for value in values]


def _term(term: Term) -> Condition:
    """A term that must not be there, or one of signs alone, which FTS5 has no words for."""
    no = "NOT " if term.negated else ""
    if term.tokens:
        return f"entry.number {no}IN (SELECT rowid FROM word WHERE word MATCH ?)", [term.match]
    columns = (term.column,) if term.column else COLUMNS
    anywhere = " OR ".join(f"instr(doc.{name}, ?)" for name in columns)
    condition = f"{no}EXISTS (SELECT 1 FROM doc WHERE doc.number = entry.number AND ({anywhere}))"
    return condition, [term.text] * len(columns)


def _filter(item: Filter) -> Condition:
    text, values = _positive(item)
    return (f"NOT ({text})" if item.negated else f"({text})"), values


def _positive(item: Filter) -> Condition:
    name, value = item.name, item.value
    if isinstance(value, bool):
        return "entry.star = ?", [value]
    if isinstance(value, tuple):
        # No rating is not a low one.
        rated = " AND entry.rating > 0" if value[0].startswith("<") and value[1] > 0 else ""
        return f"entry.rating {value[0]} ?{rated}", [value[1]]
    if name == "before":
        return "entry.number < ?", [number_of(datetime.fromisoformat(value))]
    if name == "after":
        return "entry.number >= ?", [number_of(datetime.fromisoformat(value))]
    if name == "tag":
        whole = value[:-1] if value.endswith("*") else value + "\n"
        return "instr(session.tags_fold, ?)", ["\n" + whole]
    if name == "title":
        return "instr(session.title_fold, ?)", [value]
    if name == "status":
        return "substr(entry.status, 1, ?) = ?", [len(value), value]
    if name == "id":
        starts = [f"substr({column}, 1, ?) = ?" for column in ("lower(entry.run)", "lower(session.id)", "name_fold")]
        return " OR ".join(starts), [len(value), value] * len(starts)
    return f"instr(entry.{name}_fold, ?)", [value]
