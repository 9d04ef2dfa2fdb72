// SPDX-License-Identifier: Apache-2.0
// Records of schema 1 have other names for some fields: they are read as if they had been written today.

import { type Fields, isFields } from "./damage.ts";

/** Old -> new names, by the kind of the event. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  deployed: { facts: "effectiveOptions" },
  scale: { askedT: "requestedT", inForceT: "effectiveT" },
};
const RENAMED_DATAGRAMS = {
  hurt: "incompleteSent",
  hurtArrived: "incompleteDelivered",
  repeated: "duplicates",
  elsewhere: "wrongTarget",
};

/** An event of any schema with today's names. */
export function upgradeEvent(event: Fields): Fields {
  const renamed = RENAMED[String(event.kind)];
  if (renamed) return rename(event, renamed);
  return event.kind === "datagrams" ? { ...event, patterns: upgradeDatagrams(event.patterns) } : event;
}

/** A summary of any schema with today's names, and with the fields that schema 2 adds. */
export function upgradeSummary(summary: Fields): Fields {
  if (summary.schema !== 1) return summary;
  const { datagrams, events } = summary;
  return {
    ...rename(summary, { certain: "deterministicFailures" }),
    lossesJudged: Array.isArray(events) && events.every((event) => isFields(event) && event.predicted !== null),
    clock: "real",
    ...(datagrams === undefined ? {} : { datagrams: upgradeDatagrams(datagrams) }),
  };
}

/** What is no list of datagrams is left as it is: the schema will say so. */
function upgradeDatagrams(all: unknown): unknown {
  return Array.isArray(all) ? all.map((one) => (isFields(one) ? rename(one, RENAMED_DATAGRAMS) : one)) : all;
}

function rename(fields: Fields, names: Readonly<Record<string, string>>): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [names[name] ?? name, value]));
}
