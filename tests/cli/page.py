# What a browser's parser finds in a page.
#
#	page.py check FILE	complains of elements that are not closed, ids given
#				twice, references to nothing, anything that would
#				be loaded or run, and figures that are none
#	page.py text FILE	its text
#	page.py figures FILE	the id and value of each <data>
import html.parser
import re
import sys

VOID = {"meta", "br", "wbr", "hr", "img", "input", "link"}
LOADS = {"script", "link", "iframe", "object", "embed", "img", "image", "audio",
    "video", "source", "use", "base", "form", "foreignobject"}
TEXT = {"p", "li", "td", "th", "h1", "h2", "h3", "dt", "dd", "tr", "caption"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.bad, self.ids, self.refs = [], [], set(), []
        self.text, self.data, self.style = [], [], ""

    def complain(self, what):
        self.bad.append(f"{self.getpos()[0]}: {what}")

    def handle_starttag(self, tag, attrs):
        names = [k for k, _ in attrs]
        if len(set(names)) != len(names):
            self.complain(f"<{tag}> has an attribute twice")
        for k, v in attrs:
            if k == "id":
                if v in self.ids:
                    self.complain(f"id '{v}' twice")
                self.ids.add(v)
            if k in ("aria-labelledby", "aria-describedby"):
                self.refs += v.split()
            if k.startswith("on") or k in ("src", "href", "xlink:href",
                "action", "srcset", "background"):
                self.complain(f"<{tag}> has '{k}'")
            if k in ("d", "style", "value") and v is not None and \
                    re.search(r"nan|inf|e[+-]?\d", v):
                self.complain(f"<{tag}> has {k}='{v}'")
            if k == "style" and "(" in v:
                self.complain(f"<{tag}> has style='{v}'")
        if tag in LOADS:
            self.complain(f"<{tag}>")
        if tag == "data":
            self.data.append((dict(attrs)["id"], dict(attrs)["value"]))
        if tag not in VOID:
            self.open.append(tag)
        if tag in TEXT:
            self.text.append("\n")

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if "svg" not in self.open:
            self.complain(f"<{tag}/> outside of svg")
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.complain(f"</{tag}> closes {self.open[-1:]}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.text.append(data)


def main():
    how, path = sys.argv[1:]
    raw = open(path, "rb").read()
    page = Page()
    page.feed(raw.decode("utf-8"))
    page.close()
    if how == "text":
        text = "".join(page.text)
        sys.stdout.buffer.write(re.sub(r"[ \xa0]+", " ", text).encode())
    elif how == "figures":
        for name, value in page.data:
            print(name, value)
    else:
        if not raw.startswith(b"<!DOCTYPE html>\n"):
            page.complain("no doctype")
        if page.open:
            page.complain(f"not closed: {page.open}")
        for name in page.refs:
            if name not in page.ids:
                page.complain(f"no id '{name}'")
        if re.search(r"url\(|@import|expression|https?:", page.style):
            page.complain("the style loads something")
        if page.style.count("{") != page.style.count("}"):
            page.complain("the style's braces do not match")
        if b"http:" in raw or b"https:" in raw:
            page.complain("an address")
        if len(raw) > 500 * 1024:
            page.complain(f"{len(raw)} bytes")
        if re.search(r"\$(nan|inf|-)|nan\b|\binf\b", "".join(page.text)):
            page.complain("a figure that is none")
        if page.bad:
            sys.exit("\n".join(page.bad))


main()
