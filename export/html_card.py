"""A model card as one HTML page that needs nothing else: no network, no script."""

import base64
import html
from collections.abc import Mapping

from markdown_it import MarkdownIt

STYLE = """\
:root { color-scheme: light dark; --line: #8886; --soft: #8882; --link: #0b57d0; }
@media (prefers-color-scheme: dark) { :root { --link: #8ab4f8; } }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; line-height: 1.5;
  font-family: system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
a { color: var(--link); }
img { max-width: 100%; height: auto; }
.wide, pre { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; overflow-wrap: normal; }
th, td { border-bottom: 1px solid var(--line); padding: .25rem .6rem; text-align: left;
  vertical-align: top; }
thead th:empty { padding: 0; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
@media (max-width: 40rem) {
  table { font-size: .8rem; }
  td > code { overflow-wrap: anywhere; }
  td:has(> code:only-child) { min-width: 9rem; }
}
pre { background: var(--soft); border-radius: .4rem; padding: .7rem; }
"""
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}</body>
</html>
"""


def render_html(markdown: str, *, title: str, pictures: Mapping[str, bytes]) -> str:
    """Turns a card's Markdown into a page.

    Args:
        markdown: the card; HTML in it is shown as it is written, never run.
        title: of the page.
        pictures: PNG files by the names that the card mentions them by; they become part of the
            page.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", lambda *_: '<div class="wide" tabindex="0"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    tokens = parser.parse(markdown)
    for image in (child for token in tokens for child in token.children or ()):
        content = pictures.get(str(image.attrs.get("src"))) if image.type == "image" else None
        if content is not None:
            image.attrs["src"] = f"data:image/png;base64,{base64.b64encode(content).decode()}"
    body = parser.renderer.render(tokens, parser.options, {})
    return PAGE.format(title=html.escape(title), style=STYLE, body=body)
