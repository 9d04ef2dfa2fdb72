// SPDX-License-Identifier: Apache-2.0
// Records of schema 1 have other names for some fields: they are read as if they had been written today.

type Fields = Record<string, unknown>;

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
  if (event.kind !== "datagrams") return event;
  return { ...event, patterns: (event.patterns as Fields[]).map((one) => rename(one, RENAMED_DATAGRAMS)) };
}

/** A summary of any schema with today's names. */
export function upgradeSummary(summary: Fields): Fields {
  const { datagrams } = summary;
  return {
    ...rename(summary, { certain: "deterministicFailures" }),
    ...(Array.isArray(datagrams) ? { datagrams: datagrams.map((one: Fields) => rename(one, RENAMED_DATAGRAMS)) } : {}),
  };
}

function rename(fields: Fields, names: Readonly<Record<string, string>>): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [names[name] ?? name, value]));
}
