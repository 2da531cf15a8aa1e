"""What a stranger writes into a prompt, a name or an error, and what a browser makes of a page."""

import html.parser
import unicodedata

HARM = "document.title = 'harm'"
MARKUP = {
    "tags": f'<script>{HARM}</script><img src=x onerror="{HARM}"><svg onload={HARM}>',
    "a way out of a tag": f"\"><svg onload={HARM}>'><img src=x onerror={HARM}>",
    "the end of a script": f"</script></style></textarea></title><script>{HARM}</script><!-- <script>",
    "a formula": r"$a$ and $b$ \(x\) \[y\] $$z$$",
    "a template": "{{7*7}} {0} {x.__class__} %s %(a)s ${HOME} #{1+1}",
    "Markdown": f"[a](javascript:{HARM}) ![b](https://tracker.example/x.png) <https://tracker.example>",
    "entities": "&lt;b&gt; &#60;script&#62; &amp;",
}
HIDDEN = {
    "a terminal's orders": "a\x1b[31mred\x1b]0;title\x07 \x9b2J b\x00\x08",
    "text from right to left": "good\u202etxt.exe\u2066x\u2069",
    "signs that nobody sees": "a\u200bb\u2060c\ufeffd\u00ade",
    "line separators": "a\u2028b\u2029c\x85d",
    "half a character": "a\ud800b\udfffc",
}
TEXTS = MARKUP | HIDDEN
OTHERS = {
    "bytes": b"<b>",
    "a list": ["<b>", 1],
    "nothing": None,
    "a mapping": {"<b>": "<i>"},
    "a figure": 1e308,
}
VOID = {"br", "hr", "img", "input", "link", "meta"}


class Seen(html.parser.HTMLParser):
    """A page as a browser reads it: `shape` is every tag with the names of its attributes, and nothing of what they say."""

    def __init__(self, page):
        super().__init__()
        self.shape, self.attributes, self.text, self.classes, self._open = [], [], "", [], []
        self.feed(str(page))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.shape.append((tag, *(name for name, _ in attrs)))
        self.attributes += attrs
        classes = str(dict(attrs).get("class") or "").split()
        if not self._open:
            self.classes.append(set(classes))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        self.shape.append(f"/{tag}")

    def handle_comment(self, _data):
        self.shape.append("comment")

    def handle_data(self, data):
        self.text += data


def hidden_in(text):
    """The signs in *text* that a terminal obeys, that turn its direction, or that nobody sees."""
    return [
        ascii(sign)
        for sign in str(text)
        if sign not in "\n\t" and unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]


def check_page(page, like=None):
    """*page* has the shape of *like*, asks for nothing elsewhere, and hides nothing; each of its roots is no place for formulas."""
    seen = Seen(page)
    if like is not None:
        assert seen.shape == Seen(like).shape
    for name, value in seen.attributes:
        assert not name.startswith("on")
        if name in {"href", "src", "poster"}:
            address = value.partition(":")
            assert not address[1] or address[0] in {"data", "http", "https"}, value[:80]
            assert address[0] != "data" or value.startswith(
                ("data:image/", "data:video/", "data:application/toml")
            )
    assert hidden_in(page) == []
    return seen


def check_part(part, like=None):
    """The same of what a cell shows."""
    for classes in check_page(part, like).classes:
        assert {"mathjax_ignore", "tex2jax_ignore"} <= classes
