// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { TESTER_NAME } from "../topology/topology.ts";
import { choice, delay, option, percentage } from "./option.ts";

const share = "a percentage from 0% to 100%, such as 1%";
/** What is done to packets on a link. */
export const faults = {
  loss: option(percentage().optional(), {
    group: "Faults",
    about: "share of packets lost on --link (netem, or a program of ours)",
    expects: share,
  }),
  delay: option(delay().optional(), {
    group: "Faults",
    about: "delay of packets on --link",
    expects: "a time with its unit, such as 10ms",
  }),
  reorder: option(percentage().optional(), {
    group: "Faults",
    about: "share of packets sent without delay, ahead of delayed ones",
    expects: share,
  }),
  corrupt: option(percentage().optional(), {
    group: "Faults",
    about: "share of packets corrupted on --link",
    expects: share,
  }),
  duplicate: option(percentage().optional(), {
    group: "Faults",
    about: "share of packets sent twice on --link",
    expects: share,
  }),
  icmp: option(choice(["pass", "drop"]).default("pass"), {
    group: "Faults",
    about: "scenario pmtu: whether ICMP errors of the narrow path are passed on, or dropped",
  }),
  link: option(
    z
      .string()
      .regex(/^[\w-]+\/net[12]$/)
      .default(`${TESTER_NAME}/net2`),
    {
      group: "Faults",
      about: "link of the faults",
      expects: "a machine's link, machine/net1 or machine/net2",
    },
  ),
};
