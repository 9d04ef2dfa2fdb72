// SPDX-License-Identifier: Apache-2.0
// Options of connections that come and go.
import { LIFETIMES_EXPECTED } from "../traffic/lifetimes.ts";
import { numberOrText, option, seconds, text, whole } from "./option.ts";

export const openShape = {
  arrivals: option(numberOrText().optional(), {
    group: "Load",
    about:
      "connections come and go, instead of --connections that last: so many a second, by chance (Poisson), or at the seconds that a file has, one a line",
    expects: "a number (connections per second), or a file",
    names: "file",
  }),
  lifetimes: option(text().optional(), {
    group: "Load",
    about:
      "how long connections of --arrivals live: exp:5s, fixed:5s, pareto:1s,1.5, lognormal:2s,1, hadoop, requests, web:20k, cache:200k, or a file",
    expects: LIFETIMES_EXPECTED,
    defaultText: "exp:5s",
    needs: "arrivals",
    names: "file",
  }),
  requests: option(whole(2, 1_000_000).optional(), {
    group: "Load",
    about: "messages of each connection of --arrivals, one after each --think, in place of --lifetimes",
    unit: "messages",
    needs: "arrivals",
  }),
  think: option(seconds().optional(), {
    group: "Load",
    about: "time between two messages of a connection of --arrivals, in place of --rate",
    unit: "seconds",
    defaultText: "1 s, or more where that is more than 10000 messages per second",
    needs: "arrivals",
  }),
  warmUp: option(seconds().optional(), {
    group: "Load",
    about: "beginning of the traffic of --arrivals that is not judged",
    unit: "seconds",
    defaultText: "half the time to the first event",
    needs: "arrivals",
  }),
};
