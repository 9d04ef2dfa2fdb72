// SPDX-License-Identifier: Apache-2.0
// What makes tester and targets find out by themselves which routers are alive.
import type { Program } from "../api/requirements.ts";
import type { Announce } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Machine, Net } from "../topology/topology.ts";
import type { Timers } from "./timers.ts";
import type { Views } from "./views.ts";

/** One of them at work. */
export interface Announcer {
  timers: Timers;
  /** These routers (indices) are alive from now on: to be said before others die or come back. */
  expect(routers: readonly number[]): void;
  /**
   * Resolves when tester and targets use those of these routers (indices) that are to be used, with since when each does, monotonic ns:
   * at once, and with nobody, where nobody finds out. Throws LabError.
   */
  until(routers: readonly number[]): Promise<ReadonlyMap<string, number>>;
  end(): Promise<void>;
}

/** What is started on a lab's machines for it. */
export interface Announcing {
  lab: Lab;
  timers: Timers;
  /** Told whenever a machine uses other routers. */
  views: Views;
  /** A program of it ended by itself: a sentence. The lab is broken. */
  onBroken: (sentence: string) => void;
}

export interface AnnouncerKind {
  by: Announce;
  /** Of others: with them nothing but namespaces will do, as images and guests lack them. */
  programs?: readonly Program[];
  /** Routers say on the link that an address has come to them. */
  speaks?: true;
  /** Resolves when every machine uses the routers that it is to use; with what ends it. */
  start(announcing: Announcing): Promise<() => Promise<void>>;
}

/** The net on which it meets the routers. */
export const netOf = ({ role }: Machine): Net => (role === "tester" ? "net2" : "net1");

/** Those that choose a router: the testers for what clients send, each target for its answers. */
export const choosers = ({ topology: { testers, targets } }: Pick<Lab, "topology">): readonly Machine[] => [
  ...testers,
  ...targets,
];
