// SPDX-License-Identifier: Apache-2.0
// Attackers who choose connections for one target: those that came to it, by what each knows of the hash.
import { hasSeed } from "../oracle/attack.ts";
import { hashFlow } from "../oracle/oracle.ts";
import type { CollideSummary, StreamStart } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import { flowReader } from "./flows.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { pickOf } from "./predict.ts";

/** Chance that a fair hash is outside: below one in ten thousand. */
const SIGMAS = 4;

type Attacker = CollideSummary["knows"];

export const collide: AnalysisModule = ({ run, timeline }) => {
  const { oracle } = timeline.deployed;
  const streams = new Map([...timeline.aside].filter(([, { attack }]) => attack !== undefined));
  const [first] = streams.values();
  const victim = first?.attack?.victim;
  if (!oracle || victim === undefined) return { part: () => ({}) };
  const read = new Map([...streams].map(([name, start]) => [name, flowReader(start)]));
  const share = timeline.shares?.get(victim) ?? 1 / Math.max(1, timeline.stages[0]?.active.size ?? 1);
  const none = (): Attacker => ({ connections: 0, answered: 0, onVictim: 0, low: 0, high: 0, mispredicted: 0 });
  const found: CollideSummary = { victim, secret: hasSeed(oracle), knows: none(), guesses: none() };
  return {
    aside(recorded) {
      const { attack } = streams.get(recorded.stream) ?? ({} as Partial<StreamStart>);
      const flow = read.get(recorded.stream)?.(recorded);
      if (!attack || !flow) return;
      const of = found[attack.by];
      of.connections++;
      if (recorded.establishedUs === null) return;
      of.answered++;
      of.onVictim += Number(recorded.target === victim);
      const due = pickOf(timeline.stages[0], hashFlow(oracle, flow), run.targets);
      of.mispredicted += Number(due !== null && due !== recorded.target);
    },
    part() {
      for (const [who, of] of [
        ["knows", found.knows],
        ["guesses", found.guesses],
      ] as const) {
        const [n, all] = [of.answered, who === "knows" || !found.secret];
        const spread = SIGMAS * Math.sqrt(n * share * (1 - share));
        of.low = all ? n : Math.max(0, Math.floor(n * share - spread));
        of.high = all ? n : Math.min(n, Math.ceil(n * share + spread));
      }
      return { summary: { collide: found } };
    },
  };
};

const said = (who: string, { onVictim, answered }: Attacker, victim: string) =>
  `An attacker who ${who} had ${count(onVictim)} of ${plural(answered, "connection")} on ${victim}`;
const WHO = { knows: "knows hash and seed", guesses: "does not know the seed" } as const;

export function collideFailures({ collide: found }: Judged): Check[] {
  if (!found) return [];
  const { victim } = found;
  return (["knows", "guesses"] as const).flatMap((by): Check[] => {
    const of = found[by];
    const { answered, connections, onVictim, low, high, mispredicted } = of;
    const due = low === high ? `all ${count(high)} were to be there` : `${count(low)} to ${count(high)} by chance`;
    return [
      [
        answered < connections,
        `${plural(connections - answered, "connection")} of an attacker ${was(connections - answered)} not answered.`,
      ],
      [onVictim < low || onVictim > high, `${said(WHO[by], of, victim)}; ${due}.`],
      [
        mispredicted > 0,
        `${plural(mispredicted, "connection")} of an attacker who ${WHO[by]} ${was(mispredicted)} answered by another target than the oracle predicted.`,
      ],
    ];
  });
}

export function collideMerits({ collide: found }: Judged): string[] {
  if (!found) return [];
  const { victim, secret, knows, guesses } = found;
  if (!secret)
    return [
      `${said("knows the hash", knows, victim)}: it has no seed, so that whoever knows how it works can do that.`,
    ];
  return [
    `${said(WHO.knows, knows, victim)}; one who does not know the seed had ${count(guesses.onVictim)} of ${count(guesses.answered)} (${count(guesses.low)} to ${count(guesses.high)} by chance).`,
  ];
}
