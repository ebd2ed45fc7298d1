"""The one HTTP exchange of WHIP and WHEP (RFC 9725)."""

import urllib.request


def request(method, url, token, body=None):
    """Status, headers and text of an answer; an error status is an exception."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    data = body.encode() if body else None
    asked = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(asked, timeout=15) as answer:
        return answer.status, answer.headers, answer.read().decode()
