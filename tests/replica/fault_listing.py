"""The fault server's listings: pages of ListObjectsV2, and what is none."""

import os
import time
import urllib.parse

ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)) + "]><ListBucketResult>&j;</ListBucketResult>"


class ListingHandler:
    """What a handler answers to a listing."""

    def serve_listing(self, query, fault):
        kind = fault.kind if fault else None
        if kind == "garbage":
            self.answer(200, b"<html><body>Welcome to the hotel's network</body></html>")
        elif kind == "entities":
            self.answer(200, ENTITIES.encode())
        else:
            if kind == "other-prefix":
                query = {**query, "prefix": query.get("prefix", "")[:-1] + "-other/"}
            body = (self.endless_page(query) if kind == "endless" else self.page(query, kind)).encode()
            self.answer(200, body[:-30] if kind == "truncated-xml" else body, {"Content-Type": "application/xml"})

    def entries(self, query):
        """Keys and folders (which end in the delimiter) of the listing, in order."""
        prefix, after = query.get("prefix", ""), os.fsencode(query.get("start-after", ""))
        delimiter, begin = query.get("delimiter"), os.fsencode(prefix)
        found, last = [], None
        for key in self.server_of_faults.keys():
            if not key.startswith(begin) or after >= key:
                continue
            name = os.fsdecode(key)
            if delimiter and delimiter in name[len(prefix):]:
                name = name[:name.index(delimiter, len(prefix)) + 1]
            if name != last:
                found.append(name)
            last = name
        return found

    def endless_page(self, query):
        number = int(query.get("continuation-token", "0"))
        keys = (f"{query.get('prefix', '')}{number:010}{i:06}{'k' * 984}" for i in range(1000))
        return ("<ListBucketResult><IsTruncated>true</IsTruncated>"
                f"<NextContinuationToken>{number + 1}</NextContinuationToken>" + "".join(
                    f"<Contents><Key>{key}</Key><LastModified>2024-11-04T10:30:00.000Z</LastModified><ETag>e</ETag><Size>1</Size></Contents>"
                    for key in keys) + "</ListBucketResult>")

    def page(self, query, kind):
        limit = min(int(query.get("max-keys", 1000)), 1000)
        ignored = {"ignore-prefix": "prefix", "ignore-after": "start-after"}.get(kind)
        entries = self.entries({name: value for name, value in query.items() if name != ignored})
        token = query.get("continuation-token", "")
        start = int(token) if token.isdigit() and kind not in ("same-page", "new-tokens") else 0
        shown = entries[start:start + limit]
        more = start + limit < len(entries) or kind in ("same-page", "new-tokens")
        if kind in ("empty-page", "empty-pages"):
            shown, more = [], True
        fresh = f"again-{time.monotonic_ns()}"
        next_token = {"same-page": "again", "empty-page": "again", "new-tokens": fresh, "empty-pages": fresh}.get(kind, str(start + limit))
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
                 f"<Name>{self.server_of_faults.bucket}</Name><MaxKeys>{limit}</MaxKeys><EncodingType>url</EncodingType>",
                 f"<Prefix>{urllib.parse.quote(os.fsencode(query.get('prefix', '')), safe='/-_.*')}</Prefix>",
                 f"<KeyCount>{len(shown)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"]
        if more:
            lines.append(f"<NextContinuationToken>{next_token}</NextContinuationToken>")
        for name in shown:
            encoded = urllib.parse.quote(os.fsencode(name), safe="/-_.*")
            if query.get("delimiter") and name.endswith(query["delimiter"]):
                lines.append(f"<CommonPrefixes><Prefix>{encoded}</Prefix></CommonPrefixes>")
                continue
            size, modified, etag = self.server_of_faults.stat(os.fsencode(name))
            when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(modified))
            lines.append(f"<Contents><Key>{encoded}</Key><LastModified>{when}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
                         f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>")
        return "\n".join([*lines, "</ListBucketResult>"])
