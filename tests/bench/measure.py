"""Times functions side by side: rounds of short visits in shuffled order.

A round visits every function once. All ratios are taken within a round and
the median over the rounds is the result, so a machine that slows down for a
while slows both sides of a ratio.
"""
import random
import statistics
import time

LONG = 0.1  # seconds; a call this long does not notice cold caches
VISIT = 0.03  # seconds of timed calls that a visit aims at


class Track:
    """One function that is timed: `run`, and its seconds by round."""

    def __init__(self, run):
        self.run = run
        self.seconds = []
        run()  # first calls allocate and plan
        start = time.perf_counter()
        run()
        self.estimate = time.perf_counter() - start
        self.calls = max(1, min(5, int(VISIT / self.estimate)))

    def cost(self):
        return self.estimate * (self.calls + (self.estimate < LONG))

    def visit(self):
        """Median of a few calls after one that warms the caches."""
        if self.estimate < LONG:
            self.run()
        times = []
        for _ in range(self.calls):
            start = time.perf_counter()
            self.run()
            times.append(time.perf_counter() - start)
        self.seconds.append(statistics.median(times))


def time_rounds(functions, budget, pause, save, least=5, most=100):
    """functions: key -> function of nothing. budget: seconds. save(tracks,
    failed) is called now and then with what there is so far. A function that
    raises is dropped and its reason kept."""
    tracks, failed = {}, {}
    for key, run in functions.items():
        try:
            tracks[key] = Track(run)
        except Exception as why:
            failed[key] = str(why)
    rounds = budget / max(sum(t.cost() for t in tracks.values()), 1e-6)
    rounds = int(min(most, max(least, rounds)))
    order, saved = random.Random(1), time.monotonic()
    for i in range(rounds):
        for key in order.sample(sorted(tracks), len(tracks)):
            time.sleep(pause)
            try:
                tracks[key].visit()
            except Exception as why:
                failed[key] = str(why)
                del tracks[key]
        if time.monotonic() > saved + 20 or i == rounds - 1:
            save(tracks, failed)
            saved = time.monotonic()
    return tracks, failed


def spread(values):
    """Median, 10th and 90th percentile."""
    v = sorted(values)
    return {"median": statistics.median(v), "p10": v[len(v) // 10],
            "p90": v[len(v) * 9 // 10]}


def ratios(track, ours):
    return spread(a / b for a, b in zip(track.seconds, ours.seconds))
