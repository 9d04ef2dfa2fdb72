// SPDX-License-Identifier: Apache-2.0
// Losses that an event of the run brought, as its meaning and the oracle say.
import { isSilent } from "../../events/meaning.ts";
import { memoryOf } from "../../oracle/oracle.ts";
import { list } from "../../util/numbers.ts";
import { moveText } from "./decision.ts";
import { at, type CauseRule, type Loss, type RunFacts } from "./define.ts";

/** Whether the event may have done it: the oracle expects the loss, or there is none to ask. */
const isDue = ({ event, expected }: Loss): boolean => event !== null && expected !== 0;

const isAbout = ({ event }: Loss, subject: string): boolean => event?.meaning.subject === subject;

/** Whether the connection's own target is out of use with the event, or hears it no longer. */
function hasLeft({ row, event }: Loss): boolean {
  const isGone = event?.meaning.effect === "leave" || event?.meaning.mute === true;
  return isGone && row.connection.target !== null && event.machines.includes(row.connection.target);
}

const isRemembered = ({ row }: Loss, { timeline }: RunFacts): boolean =>
  memoryOf(timeline.deployed.oracle, row.stream.protocol) !== null;

/** "vm-001 and vm-002 left at 5.008 s". */
function eventText({ event }: Loss, run: RunFacts): string {
  if (!event) return "";
  return `${list(event.machines)} ${event.meaning.words.past} at ${at(run, event.effectiveT)}`;
}

const moved = (loss: Loss, run: RunFacts): string => {
  const move = moveText(loss, run);
  return `${move === null ? "" : `${move} when `}${eventText(loss, run)}`;
};

export const CHANGES: readonly CauseRule[] = [
  {
    cause: "moved_by_table",
    holds: (loss) => isDue(loss) && loss.event?.meaning.path === "opens",
    because: (loss, run) =>
      `${eventText(loss, run)}, which leads to another target: that does not know this association`,
  },
  {
    cause: "link_down",
    holds: (loss) => isDue(loss) && isAbout(loss, "link"),
    because: eventText,
  },
  {
    cause: "link_down",
    holds: (loss, { timeline }) => isDue(loss) && isAbout(loss, "routers") && timeline.announced?.by === "none",
    because: (loss, run) => `${eventText(loss, run)}, and nobody found out`,
  },
  {
    cause: "balancer_down",
    holds: (loss) => isDue(loss) && isAbout(loss, "balancer"),
    because: eventText,
  },
  {
    cause: "state_missing",
    holds: (loss, run) =>
      isDue(loss) && isAbout(loss, "routers") && (isRemembered(loss, run) || loss.expected === null),
    because: (loss, run) => `${eventText(loss, run)}, and the router that got it then does not know this connection`,
  },
  {
    cause: "target_dead",
    holds: (loss) => isDue(loss) && hasLeft(loss) && loss.event !== null && isSilent(loss.event.meaning),
    because: eventText,
  },
  {
    cause: "state_flushed",
    holds: (loss, run) => isDue(loss) && hasLeft(loss) && isRemembered(loss, run),
    because: (loss, run) => `${eventText(loss, run)}, and the balancer removed the state of its connections`,
  },
  { cause: "target_gone", holds: (loss) => isDue(loss) && hasLeft(loss), because: moved },
  {
    cause: "moved_by_table",
    holds: (loss) => loss.expected !== null && isDue(loss),
    because: moved,
  },
];
