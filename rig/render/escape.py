"""Text from a console, made safe to show. No I/O."""


def printable(text: str) -> str:
    """Return `text` with control characters spelled out, so that a console can't steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else f"\\x{ord(char):02x}" for char in text)
