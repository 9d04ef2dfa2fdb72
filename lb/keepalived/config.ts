// SPDX-License-Identifier: Apache-2.0
// keepalived's configuration: what is balanced, to whom, and how targets are checked.
import { addressOf, clientVips, FAMILIES, type Topology } from "../../harness/api/index.ts";
import { markOf, SERVICES } from "../ipvs/table.ts";
import { weightOf } from "../linux/options.ts";
import { CHECKED_PORT } from "../linux/servers-listen.ts";
import type { Options } from "./options.ts";

const METHOD = { dsr: "DR", masq: "NAT", tun: "TUN" } as const;

/**
 * Both families in one file. `listed` are the targets (indices) that stand in it, in rising order, as the kernel's list is built of
 * it; of these, those that are not active have weight 0.
 */
export function configuration(
  topology: Topology,
  given: Options,
  { name, listed, active }: { name: string; listed: readonly number[]; active: readonly number[] },
): string {
  const servers = FAMILIES.flatMap((family) => {
    const targets = [...listed]
      .sort((a, b) => a - b)
      .flatMap((index) => {
        const target = topology.targets[index];
        return target === undefined
          ? []
          : [
              {
                address: addressOf(target, family),
                weight: active.includes(index) ? weightOf(given.weights, index) : 0,
              },
            ];
      });
    const service = (head: string, port: string, lines: readonly string[]) => [
      `virtual_server ${head} {`,
      ...lines,
      ...common(given),
      ...targets.flatMap(({ address, weight }) => [
        `  real_server ${address}${port} {`,
        `    weight ${weight}`,
        "    TCP_CHECK {",
        `      connect_port ${CHECKED_PORT}`,
        "    }",
        "  }",
      ]),
      "}",
    ];
    const ops = given.ops ? ["  ops"] : [];
    return clientVips(topology, family).flatMap((vip, n) =>
      given.fwmark
        ? service(`fwmark ${markOf(family, n)}`, "", [`  ip_family ${family === 4 ? "inet" : "inet6"}`, ...ops])
        : SERVICES.flatMap(([kind, port]) =>
            service(`${vip} ${port}`, ` ${port}`, kind === "-t" ? ["  protocol TCP"] : ["  protocol UDP", ...ops]),
          ),
    );
  });
  return ["global_defs {", `  router_id ${name}`, "}", ...servers].map((line) => `${line}\n`).join("");
}

function common(given: Options): string[] {
  const { scheduler, port, fallback, persistence } = given;
  return [
    `  lvs_sched ${scheduler}`,
    ...(port ? [`  ${scheduler}-port`] : []),
    ...(fallback ? [`  ${scheduler}-fallback`] : []),
    `  lvs_method ${METHOD[given.forward]}`,
    ...(persistence > 0 ? [`  persistence_timeout ${persistence}`] : []),
    `  delay_loop ${given.delayLoop}`,
    // At once, and not at a random moment of the first `delay_loop`.
    "  warmup 0",
    `  connect_timeout ${given.connectTimeout}`,
    `  retry ${given.retries}`,
    `  delay_before_retry ${given.delayBeforeRetry}`,
  ];
}
