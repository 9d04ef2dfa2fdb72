// SPDX-License-Identifier: Apache-2.0
// Clients that use the VIP and, from the same source address and port, a target's own address: which of these connections live.
import type { Connection, StreamStart, Summary } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { AnalysisModule, Judged } from "./part.ts";

type Found = NonNullable<Summary["direct"]>;
type Fates = Found["toSame"];

const none = (): Fates => ({ lives: 0, lost: 0, ended: 0, astray: 0 });

export const direct: AnalysisModule = ({ timeline: { deployed, aside: streams } }) => {
  const expected = deployed.direct;
  if (!expected || streams.size === 0) return { part: () => ({}) };
  const toVip = new Map<string, Connection>();
  const own: { recorded: Connection; stream: StreamStart }[] = [];
  return {
    row({ recorded, stream }) {
      if (recorded.generation === 0) toVip.set(`${stream.family}/${recorded.id}`, recorded);
    },
    aside(recorded) {
      const stream = streams.get(recorded.stream);
      if (stream && recorded.generation === 0) own.push({ recorded, stream });
    },
    part() {
      const found: Found = { ...expected, toSame: none(), toOther: none(), mispredicted: 0, unjudged: 0 };
      for (const { recorded, stream } of own) {
        const twin = toVip.get(`${stream.family}/${recorded.id}`);
        if (!twin?.target || !isSameSource(recorded, twin)) {
          found.unjudged++;
          continue;
        }
        const isSame = twin.target === stream.direct;
        const fate = fateOf(recorded, stream.direct);
        found[isSame ? "toSame" : "toOther"][fate]++;
        if (fate !== (isSame ? expected.same : expected.other)) found.mispredicted++;
      }
      return { summary: { direct: found } };
    },
  };
};

const isSameSource = (a: Connection, b: Connection) => a.sport === b.sport && a.srcOffset === b.srcOffset;

function fateOf({ target, cause }: Connection, to: string | undefined): keyof Fates {
  if (target === null) return "lost";
  if (target !== to) return "astray";
  return cause === "none" ? "lives" : "ended";
}

const FATES: readonly [fate: keyof Fates, text: string][] = [
  ["lives", "lived"],
  ["lost", "had no answer"],
  ["ended", "ended after an answer"],
  ["astray", "had the answer of another target"],
];

/** "250 had no answer and 3 lived". */
function told(fates: Fates): string {
  const some = FATES.flatMap(([fate, text]) => (fates[fate] > 0 ? [`${count(fates[fate])} ${text}`] : []));
  return some.length > 1 ? `${some.slice(0, -1).join(", ")} and ${some.at(-1)}` : (some[0] ?? "none was made");
}

const FROM = "from the port of a connection to the VIP";

export function directFailures({ direct: found }: Judged): [bad: boolean, text: string][] {
  if (!found) return [];
  const due = { lives: "all were to live", lost: "none was to have one" } as const;
  return [
    [
      found.mispredicted > 0,
      `${plural(found.mispredicted, "connection")} to a target's own address ${FROM} fared otherwise than predicted: where that one has the same target ${told(found.toSame)} (${due[found.same]}), where it has another one ${told(found.toOther)} (${due[found.other]}).`,
    ],
  ];
}

export function directMerits({ direct: found }: Judged): string[] {
  if (!found) return [];
  const { same, other, toSame, toOther } = found;
  return [merit(same, toSame, "the same target"), merit(other, toOther, "another target")].flat();
}

function merit(expected: "lives" | "lost", fates: Fates, where: string): string[] {
  const n = fates[expected];
  if (n === 0) return [];
  const fate =
    expected === "lives"
      ? "lived, and the other one too"
      : `${was(n)} never answered, as predicted: what the target says gets the VIP's address; the other one lived`;
  return [`${plural(n, "connection")} to a target's own address ${FROM} at ${where} ${fate}.`];
}
