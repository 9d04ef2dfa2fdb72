// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { containerOptions, containerTraits, sentenceOf } from "./docker.ts";
import type { BringUp, Runtime, Traits } from "./runtime.ts";
import { sharingNothing } from "./single.ts";
import { type Group, PLACE_FORM, parsePlace } from "./swarm/place.ts";

const place = z.string().transform((word, context): ReturnType<typeof parsePlace> & {} => {
  const parsed = parsePlace(word);
  if (parsed) return parsed;
  context.addIssue({ code: "custom", input: word, message: PLACE_FORM });
  return z.NEVER;
});

const options = containerOptions.extend({
  place: z
    .array(place)
    .default([])
    .transform((pairs) => Object.fromEntries(pairs) as Partial<Record<Group, (typeof pairs)[number][1]>>),
});

/** The machines of a lab over several Docker engines, joined in a swarm. Its parts are loaded when they are first used. */
export const swarm: Runtime = swarmWith(options.parse({}));

function swarmWith({ image: images, capability: capabilities, place: rules }: z.infer<typeof options>): Runtime {
  const traits: Traits = { ...containerTraits(capabilities), kernel: "elsewhere" };
  const up: BringUp = async (topology, signal, note = () => {}) => {
    const { swarmUp } = await import("./swarm/up.ts");
    return swarmUp(topology, { images, capabilities, rules, traits }, signal, note);
  };
  const runtime: Runtime = {
    name: "swarm",
    traits,
    options,
    configured: (given) => swarmWith(options.parse(given)),
    async missing() {
      const { connectSwarm } = await import("./swarm/nodes.ts");
      return sentenceOf(connectSwarm());
    },
    async prepare() {
      const [{ connectSwarm }, { nodesByGroup }] = await Promise.all([
        import("./swarm/nodes.ts"),
        import("./swarm/place.ts"),
      ]);
      // Throws UsageError before anything is made.
      nodesByGroup((await connectSwarm()).nodes, rules);
      return sharingNothing(runtime, up);
    },
    up,
    async nodes(topology) {
      const { describeNodes } = await import("./swarm/describe.ts");
      return describeNodes(topology, rules);
    },
    async clean() {
      const { swarmClean } = await import("./swarm/up.ts");
      return swarmClean();
    },
  };
  return runtime;
}
