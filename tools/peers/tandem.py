"""Ten M/M/1 stations in a row on SimPy, the same queue as benches/kernel.rs, with a tenth of the customers."""

import random
import time

import simpy

STATIONS, CUSTOMERS = 10, 100_000
BETWEEN, SERVICE = 1_000.0, 800.0


def tandem(seed):
    draw = random.Random(seed).expovariate
    env = simpy.Environment()
    stations = [simpy.Resource(env) for _ in range(STATIONS)]
    seen = {"events": 0, "stayed": 0.0}

    def customer():
        for station in stations:
            begun = env.now
            with station.request() as turn:
                yield turn
                yield env.timeout(draw(1 / SERVICE))
            seen["events"] += 1
            seen["stayed"] += env.now - begun

    def source():
        for _ in range(CUSTOMERS):
            yield env.timeout(draw(1 / BETWEEN))
            seen["events"] += 1
            env.process(customer())

    env.process(source())
    env.run()
    return seen


rates = []
for seed in range(3):
    begun = time.perf_counter()
    seen = tandem(seed)
    rates.append(seen["events"] / (time.perf_counter() - begun))
stay = seen["stayed"] / CUSTOMERS / STATIONS
print(
    f"SimPy {simpy.__version__}, {STATIONS} M/M/1 stations in a row, {CUSTOMERS} customers: median of 3 is "
    f"{sorted(rates)[1] / 1e6:.2f} M events/s; a customer stays {stay:.0f} us at a station"
)
