// SPDX-License-Identifier: Apache-2.0
// What listening costs: plain forwarding while the fabric is listened to as `test` does, by each of its modes.
import type { Backend } from "../api/backend.ts";
import { listen, TAP_MODES } from "../run/tapping.ts";
import { Scope } from "../util/scope.ts";
import { plain } from "./plain.ts";

export const tapped: readonly Backend[] = TAP_MODES.map((mode) => ({
  ...plain,
  name: `tap_${mode}`,
  summary: `plain forwarding while 'tap' listens to it (--tap ${mode})`,
  async deploy(lab, options, active) {
    const scope = new Scope();
    const balancer = await plain.deploy(lab, options, active);
    scope.defer("take the routes back", () => balancer[Symbol.asyncDispose]());
    const tap = await listen(lab, { mode, durationS: 0 }, () => {});
    scope.defer("end the tap", () => tap.end());
    return { ...balancer, [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose]() };
  },
}));
