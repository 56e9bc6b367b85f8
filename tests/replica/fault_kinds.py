"""The ways in which a store can misbehave.

Faults of any request: `503` `500` `429` (with retry_after) `403` `404` `reset` (hangs up) `silent` (says nothing)
`skew` (the clock is wrong; `date`: what the server's says) `page` (a web server's answer) `echo` (a refusal that
repeats the signature) `escape` (a refusal that says what a terminal obeys) `slow` (waits for `seconds` first) `html` (a
web page, and 200) `empty` (nothing, and 200) `moved` (307 to the same place) `no-http` (what is no answer at all). Of
an object: `cut` (half of the body, then hangs up) `stall` (half of the body, then nothing more) `crawl` (a byte a tenth
of a second) `short` (a body that is shorter, without a word) `long` `flip` (one bit is wrong) `other-object` (another
object's body of that length, under the right headers) `other-etag` (another version's) `other-range` `wrong-range`
`wrong-last` `wrong-size` (the header only) `ignore-range`. Of a listing: `garbage` `truncated-xml` `same-page` (the
first page again and again) `new-tokens` (the same, with ever new tokens) `other-prefix` (a page of another listing)
`ignore-prefix` `ignore-after` `empty-page` (one without entries, and more to come: again and again) `empty-pages` (with
new tokens) `endless` (ever new keys of 1,000 bytes) `entities`.
"""

LISTING_FAULTS = {"garbage", "truncated-xml", "same-page", "new-tokens", "other-prefix", "ignore-prefix", "ignore-after",
                  "empty-page", "empty-pages", "endless", "entities"}
OBJECT_FAULTS = {"cut", "stall", "crawl", "short", "long", "flip", "other-object", "other-etag", "other-range",
                 "wrong-range", "wrong-last", "wrong-size", "ignore-range"}


class Fault:
    """One way to misbehave: `times` times (None: for ever), at every `every`-th request that it can befall."""

    def __init__(self, kind, times=None, every=1, **details):
        self.kind, self.times, self.every, self.details = kind, times, every, details
        self.seen = 0

    def strikes(self, is_listing):
        if self.kind in (OBJECT_FAULTS if is_listing else LISTING_FAULTS) or self.times == 0:
            return False
        if self.details.get("on", "all") not in ("all", "listing" if is_listing else "object"):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True
