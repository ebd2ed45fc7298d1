"""Reads an iCalendar feed as a calendar program does, and says what it found as one JSON line."""

import json
import sys
import urllib.request

import icalendar


def event(entry):
    return {
        "uid": str(entry["UID"]),
        "summary": str(entry.get("SUMMARY", "")),
        "location": str(entry.get("LOCATION", "")),
        "starts": entry.decoded("DTSTART").isoformat(),
        "ends": entry.decoded("DTEND").isoformat(),
        "sequence": int(entry.get("SEQUENCE", 0)),
        "status": str(entry.get("STATUS", "CONFIRMED")),
    }


def main():
    request = urllib.request.Request(sys.argv[1])
    if len(sys.argv) > 2:
        request.add_header("If-None-Match", sys.argv[2])
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            etag, text = answer.headers["ETag"], answer.read()
    except urllib.error.HTTPError as refusal:
        print(json.dumps({"status": refusal.code}))
        return
    calendar = icalendar.Calendar.from_ical(text)
    faults = [str(fault) for part in calendar.walk() for fault in part.errors]
    print(json.dumps({
        "status": 200,
        "etag": etag,
        "name": str(calendar.get("X-WR-CALNAME", "")),
        "faults": faults,
        "events": [event(entry) for entry in calendar.walk("VEVENT")],
    }))


if __name__ == "__main__":
    main()
