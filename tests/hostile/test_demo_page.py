"""The page that `kie-nb demo` leaves asks no network for anything. That a browser asks for nothing: `browser/test_curious_page.py`."""

from html.parser import HTMLParser

from demopage import notebook

from kie_nb import demo

LOADS = ("src", "srcset", "poster", "data", "xlink:href")


class Loaded(HTMLParser):
    """What a page asks for by its tags, data apart; its code; its policies."""

    def __init__(self):
        super().__init__()
        self.addresses, self.policies, self.code = [], [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        found = [given[name] for name in LOADS if name in given] + (
            [given.get("href")] if tag == "link" else []
        )
        self.addresses += [address for address in found if not (address or "").startswith("data:")]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(given["content"])

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.code.append(data)


def test_its_own_tags_load_nothing():
    """No script, frame, style sheet or picture of another address, and a policy that allows none."""
    page = Loaded()
    page.feed(demo._html(notebook()))

    assert page.addresses == []
    assert [code for code in page.code if "http" in code or "import(" in code] == []
    (policy,) = page.policies
    assert "default-src 'none'" in policy
    assert not {"http", "*", "'self'"} & set(policy.replace(";", " ").split())
