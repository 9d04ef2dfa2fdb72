// SPDX-License-Identifier: Apache-2.0
// Two ways between tester and targets, of which associations use both: the second one comes up, and the first one dies.
import { defineEvent } from "../api/event.ts";
import { endsOf, FirstPathOutage, SecondPathOutage } from "./path-outage.ts";

const about = { subject: "link", effect: "none", announced: false } as const;

/** As a path is asked by heartbeats each second or so, more or less by chance, all have asked by then. */
const TRIED_MS = 2500;
/** By then both ends have found out, each by a time-out of a second. */
const FOUND_MS = 3000;

export const pathUp = defineEvent({
  kind: "path_up",
  ...about,
  path: "opens",
  words: { past: "got a second path", now: ["gets a second path", "get a second path"] },
  before: ({ lab, share }) => share(SecondPathOutage).begin(endsOf(lab.topology, 1)),
  async apply({ lab, share }) {
    await share(SecondPathOutage).end();
    await lab.clock.sleep(TRIED_MS);
    return lab.clock.now();
  },
});

export const pathLoss = defineEvent({
  kind: "path_loss",
  ...about,
  path: "closes",
  words: { past: "lost the first path", now: ["loses the first path", "lose the first path"] },
  before: ({ lab, share }) => share(FirstPathOutage).prepare(endsOf(lab.topology, 0)),
  async apply({ lab, share }) {
    await share(FirstPathOutage).begin(endsOf(lab.topology, 0));
    await lab.clock.sleep(FOUND_MS);
    return lab.clock.now();
  },
});
