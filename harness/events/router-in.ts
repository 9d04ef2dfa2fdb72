// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { reroute } from "./reroute.ts";

export const routerIn = defineEvent({
  kind: "router_in",
  subject: "routers",
  effect: "join",
  undoes: "router_out",
  words: { past: "returned", now: ["returns", "return"] },
  apply: reroute,
});
