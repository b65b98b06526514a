"""Expressions and templates as a person types them: text in the config, compiled once to see that it can be."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from synapse_sync.expressions import Expression
from synapse_sync.templates import Template


def _expression(text: str) -> str:
    if text:
        Expression(text)
    return text


def _template(text: str) -> str:
    Template(text)
    return text


ExpressionText = Annotated[str, AfterValidator(_expression)]
"""A regular expression in RE2's syntax, or "" for none."""

TemplateText = Annotated[str, AfterValidator(_template)]
"""A template (templates.py), or "" for none."""
