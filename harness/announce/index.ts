// SPDX-License-Identifier: Apache-2.0
// The ways by which a dead router is found, and one of them at work in a lab.
import { missingOf, type Program } from "../api/requirements.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Announce } from "../record/schema.ts";
import { type Lab, LabError, type Place } from "../runtime/runtime.ts";
import { type Announcer, type AnnouncerKind, choosers } from "./announcer.ts";
import { bird } from "./bird.ts";
import { startConntrackd } from "./conntrackd.ts";
import { startEars } from "./ears.ts";
import { frr } from "./frr.ts";
import { CONNTRACKD } from "./programs.ts";
import { staticRoutes } from "./static.ts";
import { announcementOf, type Timers } from "./timers.ts";
import { Views } from "./views.ts";
import { vrrp, vrrpBoth } from "./vrrp.ts";

const KINDS: readonly AnnouncerKind[] = [staticRoutes, vrrp, vrrpBoth, bird, frr];

/** To come to other routers takes no longer, whatever the timers: a busy machine is no fault. */
const PATIENCE_MS = 30_000;

/** Of a false alarm. */
export const tooBusy = (alarm: string, { intervalMs }: Pick<Timers, "intervalMs">) =>
  `${alarm}: this machine is too busy for --detect-interval ${intervalMs}. Try a longer one.`;

const kindOf = (by: Announce) => KINDS.find((kind) => kind.by === by);

/** Of others, by a way to find dead routers. */
export const announcePrograms = (timers: Timers | null): readonly Program[] =>
  timers ? [...(kindOf(timers.by)?.programs ?? []), ...(timers.sync ? [CONNTRACKD] : [])] : [];

/** One sentence for each thing that it lacks there, with the remedy. */
export async function announceMissing(timers: Timers | null, place: Place): Promise<string[]> {
  const programs = announcePrograms(timers);
  if (programs.length === 0 || !timers) return [];
  if (!place.traits.toolsAreHosts)
    return [`--announce ${timers.by} runs programs of this machine in the lab's machines. Try --runtime netns.`];
  return missingOf({ programs }, place);
}

/** `onBroken` is called when a program of it ends by itself. Throws LabError when it does not come up. */
export async function startAnnouncer(
  lab: Lab,
  timers: Timers,
  record: RecordWriter,
  onBroken: (error: LabError) => void,
): Promise<Announcer> {
  let ended = false;
  const broken = (text: string) => {
    if (!ended) onBroken(new LabError(text));
  };
  const { routers } = lab.topology;
  const names = routers.map(({ name }) => name);
  const views = new Views(lab.clock, names, (text) => broken(tooBusy(text, timers)));
  const machines = choosers(lab).map(({ name }) => name);
  const kind = kindOf(timers.by);
  const announcement = announcementOf(timers, routers.length);
  const used = (alive: readonly number[]) => (announcement.serves === "last" ? [Math.max(...alive)] : alive);
  const until = async (alive: readonly number[]) =>
    kind ? views.until(machines, used(alive), PATIENCE_MS) : new Map<string, number>();
  const ends = [
    ...(timers.sync ? [await startConntrackd(lab, timers.sync, broken)] : []),
    ...(kind?.speaks ? [await startEars(lab, record, broken)] : []),
    ...(kind ? [await kind.start({ lab, timers, views, onBroken: broken })] : []),
  ];
  await until([...routers.keys()]);
  record.add({ kind: "announce", t: lab.clock.now(), ...announcement });
  return {
    timers,
    expect: (alive) => views.expect(used(alive)),
    until,
    async end() {
      if (ended) return;
      ended = true;
      await Promise.all(ends.map((end) => end()));
    },
  };
}
