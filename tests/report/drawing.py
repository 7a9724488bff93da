import re


def texts(page):
    """Return the texts in the drawings of a page."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", page)
