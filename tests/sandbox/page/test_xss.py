"""Texts of strangers on the page: a corpus of markup that runs scripts elsewhere, in every place that shows a text.

Source: OWASP, XSS Filter Evasion Cheat Sheet.
"""

import json
from urllib.parse import quote

import httpx

from sinch_voice_async.sandbox import Sandbox

from .application import Application
from .chromium import Chromium
from .page_helpers import go, place

CORPUS = (
    "<script>owned()</script>",
    "<img src=x onerror=owned()>",
    '"><svg/onload=owned()>',
    "'><iframe srcdoc='<script>parent.owned()</script>'>",
    "<details open ontoggle=owned()>",
    "<video><source onerror=owned()></video>",
    "<a href=javascript:owned()>x</a>",
    "<math><mtext></table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=owned()&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=owned()>'>",
    "<input autofocus onfocus=owned()>",
    "<style>@import 'javascript:owned()';</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=javascript:owned()'>",
    "<template><script>owned()</script></template>",
    "<object data=javascript:owned()>",
    "<form action=javascript:owned()><button>x</button></form>",
    "&lt;script&gt;owned()&lt;/script&gt;",
    "\\u003cscript\\u003eowned()\\u003c/script\\u003e",
    "{{constructor.constructor('owned()')()}}",
    "${owned()}",
    "javascript:owned()",
    "</title></textarea></style></script><svg onload=owned()>",
    "<!--><img src=x onerror=owned()>-->",
    "<x onclick=owned() style=position:fixed;inset:0>",
    "]]><script>owned()</script>",
    "__proto__",
    "\u202e<script>owned()</script>",
)
"""None has a line break; each is at most 120 characters long."""
GROUPS = 3
WATCH = """{
  window.ran = [];
  window.owned = () => ran.push('owned');
  document.addEventListener('securitypolicyviolation', (event) => ran.push(event.violatedDirective));
}"""
FOREIGN = (
    '[...document.querySelectorAll(\'img:not([src="page/icon.svg"]), iframe, object, video, math, template, base, meta'
    "[http-equiv], body style, body script, x, [onerror], [onload], [onclick], [ontoggle], [onfocus],"
    ' [href^="javascript" i], [srcdoc]\')].map((each) => each.outerHTML.slice(0, 200))'
)
TABS = ("transcript", "events", "callbacks", "svaml", "request")


def test_a_corpus_in_every_place(page: Chromium, served: Sandbox, application: Application) -> None:
    """Lists, details, the phone, titles and tooltips: nothing runs, nothing becomes an element, and all is legible."""
    served.clock.speed = 20
    page.evaluate(WATCH)
    for group in (CORPUS[start::GROUPS] for start in range(GROUPS)):
        first, text = group[0], " ".join(group)
        application.answers["ace"] = {
            "instructions": [
                {"name": "say", "text": text, "locale": text},
                {"name": "playFiles", "ids": [each for each in group if ";" not in each]},
                {"name": "setCookie", "key": text, "value": text},
            ],
            "action": {"name": "connectConf", "conferenceId": first[:64], "moh": text},
        }
        number = {"type": "sip", "endpoint": f"{first}@example.com"}
        call = place(served, cli=first, custom=text, text=text, domain="mxp", destination=number)
        for each in group:
            headers = [(b"user-agent", each.encode()), (b"x-odd", each.encode())]
            httpx.get(f"{served.url}/calling/v1/{each}", headers=headers, trust_env=False, verify=False)
        application.event("ace")
        for tab in TABS:
            go(page, f"#call={call.call_id}&tab={tab}")
            page.wait_for(f"document.querySelector('#tab-{tab}')?.ariaSelected === 'true'")
            page.wait_for(f"document.querySelector('.head h1')?.innerText.includes({json.dumps(first[:12])})")
    for entry in served.exchange.log:
        go(page, f"#request={entry.id}")
        page.wait_for("document.querySelector('article.detail')")
    for view in ("calls", "conferences", "requests", "numbers", "settings", "svaml", "welcome", "phone"):
        go(page, f"#{view}")
        page.wait_for("document.querySelector('main h1')")
    for text in CORPUS[:GROUPS]:
        go(page, f"#calls?q={quote(text)}")
        page.wait_for(f"document.querySelector('#search-calls')?.value === {json.dumps(text)}")
    assert page.evaluate("ran") == []
    assert page.evaluate(FOREIGN) == []
    page.complaints[:] = [each for each in page.complaints if not each.startswith("Failed to load resource")]
