"""All formats in their order, and which of them wrote a file."""
