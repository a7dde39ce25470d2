"""Text of somebody else's that a person is to read: one line of it, and nothing that a terminal obeys.

What a tenant wrote, or a server that quotes him, is shown to whoever looks at all namespaces: a new line
could pass for another message, and signs without a shape can hide or turn round what is beside them.
"""


def plain(text: str) -> str:
    """The text with a blank for whatever cannot be printed."""
    if text.isprintable():
        return text
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
