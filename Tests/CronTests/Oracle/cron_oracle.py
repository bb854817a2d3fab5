"""Independent oracle for cron schedules and zone offsets.

It is written from the documented rule, with Python's own zoneinfo, and searches naively: it walks over every instant or
every wall time of a window and asks whether it matches. It shares nothing with the product.

Reads lines of tab-separated fields from the file named first, writes one answer line for each to the second:

    offset   ZONE SECONDS                                     -> offset east of UTC in seconds
    cron     ZONE EXPRESSION FIELDS GAP OVERLAP START END     -> firings t with START < t <= END, space-separated

FIELDS is 5 or 6 (second first).
"""
import bisect
import calendar
import datetime
import sys
import zoneinfo

zoneinfo.reset_tzpath(["/usr/share/zoneinfo"])

UTC = datetime.timezone.utc
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=UTC)


def local(zone, instant):
    return (EPOCH + datetime.timedelta(seconds=instant)).astimezone(zone)


def offset(zone, instant):
    return int(local(zone, instant).utcoffset().total_seconds())


def number(word, names, base):
    return names.index(word.lower()) + base if word.lower() in names else int(word)


def parse_set(field, low, high, names=(), base=0):
    """Plain items of a field as a set of numbers; special items are returned apart."""
    numbers, special = set(), []
    for item in field.lower().split(","):
        body, _, step = item.partition("/")
        if body == "?":
            body = "*"
        if body == "*":
            start, stop = low, high
        elif any(mark in body for mark in "#") or (body not in names and body[-1] in "lw") or body[0] == "l":
            special.append(body)
            continue
        elif "-" in body:
            left, right = body.split("-")
            start, stop = number(left, names, base), number(right, names, base)
            if names == DAYS and stop == 0 and start > 0:
                stop = 7
        else:
            start = number(body, names, base)
            stop = high if step else start
        numbers.update(range(start, stop + 1, int(step) if step else 1))
    return numbers, special


def nearest_weekday(date, day):
    """The Monday to Friday closest to a day, in the same month."""
    best = None
    for other in range(1, calendar.monthrange(date.year, date.month)[1] + 1):
        if datetime.date(date.year, date.month, other).weekday() < 5:
            if best is None or abs(other - day) < abs(best - day):
                best = other
    return best


class Expression:
    def __init__(self, text, count):
        fields = text.split()
        assert len(fields) == count
        if count == 5:
            fields = ["0"] + fields
        second, minute, hour, dom, month, dow = fields
        self.seconds = parse_set(second, 0, 59)[0]
        self.minutes = parse_set(minute, 0, 59)[0]
        self.hours = parse_set(hour, 0, 23)[0]
        self.days, self.special_days = parse_set(dom, 1, 31)
        self.months = parse_set(month, 1, 12, MONTHS, 1)[0]
        self.weekdays, self.special_weekdays = parse_set(dow, 0, 6, DAYS, 0)
        self.weekdays = {day % 7 for day in self.weekdays}
        self.either = dom[0] not in "*?" and dow[0] not in "*?"
        self.elapsed = "*" in second[0] + minute[0] + hour[0]

    def is_day(self, date):
        if date.month not in self.months:
            return False
        last = calendar.monthrange(date.year, date.month)[1]
        weekday = date.isoweekday() % 7
        by_day = date.day in self.days
        for item in self.special_days:
            if item == "l":
                by_day |= date.day == last
            elif item == "lw":
                days = [d for d in range(1, last + 1) if datetime.date(date.year, date.month, d).weekday() < 5]
                by_day |= date.day == days[-1]
            elif item.startswith("l-"):
                by_day |= date.day == last - int(item[2:])
            elif int(item[:-1]) <= last:
                by_day |= date.day == nearest_weekday(date, int(item[:-1]))
        by_weekday = weekday in self.weekdays
        for item in self.special_weekdays:
            if "#" in item:
                day, nth = item.split("#")
                by_weekday |= weekday == number(day, DAYS, 0) % 7 and (date.day - 1) // 7 + 1 == int(nth)
            else:
                by_weekday |= weekday == number(item[:-1], DAYS, 0) % 7 and date.day + 7 > last
        return by_day or by_weekday if self.either else by_day and by_weekday

    def is_time(self, wall):
        return wall.second in self.seconds and wall.minute in self.minutes and wall.hour in self.hours


def instants(zone, wall):
    """All instants at which the clocks show a wall time, by both folds (PEP 495) and the way back."""
    found = set()
    for fold in (0, 1):
        guess = wall.replace(tzinfo=zone, fold=fold)
        instant = int((guess.astimezone(UTC) - EPOCH).total_seconds())
        if local(zone, instant).replace(tzinfo=None, fold=0) == wall:
            found.add(instant)
    return sorted(found)


def end_of_gap(zone, wall):
    """The first instant at which the clocks show more than a wall time that they never show."""
    ends = [
        int((wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) - EPOCH).total_seconds()) for fold in (0, 1)
    ]
    low, high = min(ends), max(ends)
    return low + bisect.bisect_left(
        range(low, high + 1), True, key=lambda instant: local(zone, instant).replace(tzinfo=None, fold=0) > wall
    )


def walls(expression, first, last):
    """Every matching wall time of every matching date."""
    date = first
    while date <= last:
        if expression.is_day(date):
            for hour in sorted(expression.hours):
                for minute in sorted(expression.minutes):
                    for second in sorted(expression.seconds):
                        yield datetime.datetime(date.year, date.month, date.day, hour, minute, second)
        date += datetime.timedelta(days=1)


def firings(zone, expression, gap, overlap, start, end):
    whole = all(offset(zone, instant) % 60 == 0 for instant in (start, end))
    if expression.elapsed and end - start <= 2 * 86400 and whole:
        # Walk over the instants themselves, by the minute where the second is 0 on all clocks at once.
        step = 60 if expression.seconds == {0} else 1
        for instant in range((start // step + 1) * step, end + 1, step):
            wall = local(zone, instant)
            if expression.is_time(wall) and expression.is_day(wall.date()):
                yield instant
        return
    found = set()
    margin = datetime.timedelta(days=2)
    for wall in walls(expression, local(zone, start).date() - margin, local(zone, end).date() + margin):
        hits = instants(zone, wall)
        if expression.elapsed:
            found.update(hits)
        elif not hits:
            if gap == "next_valid":
                found.add(end_of_gap(zone, wall))
        elif len(hits) == 1 or overlap == "both":
            found.update(hits)
        else:
            found.add(hits[0] if overlap == "first" else hits[1])
    yield from sorted(instant for instant in found if start < instant <= end)


def answer(line):
    kind, name, *rest = line.rstrip("\n").split("\t")
    zone = zoneinfo.ZoneInfo(name)
    if kind == "offset":
        return str(offset(zone, int(rest[0])))
    text, count, gap, overlap, start, end = rest
    start, end = int(start), int(end)
    return " ".join(map(str, firings(zone, Expression(text, int(count)), gap, overlap, start, end)))


with open(sys.argv[1]) as questions, open(sys.argv[2], "w") as answers:
    for question in questions:
        answers.write(answer(question) + "\n")
