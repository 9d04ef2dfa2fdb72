// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { reroute } from "./reroute.ts";

export const routerOut = defineEvent({
  kind: "router_out",
  subject: "routers",
  effect: "leave",
  words: { past: "left", now: ["leaves", "leave"] },
  apply: reroute,
});
