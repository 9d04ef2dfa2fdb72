// SPDX-License-Identifier: Apache-2.0
import { cachedKernels, describeKernel, kernelConfig, offeredKernels } from "../runtime/vm/kernels.ts";
import { EXIT } from "../util/exit-codes.ts";

/** Options of a kernel's configuration that backends of ours and --loss and its kin are made of. */
const WORTH_KNOWING = ["IP_VS", "NET_SCH_NETEM", "NF_TABLES", "NETFILTER_NETLINK_QUEUE"];

/** What --kernel may name: kernels in the cache, and those that apt can fetch. Exit code 3 when there is none of either. */
export async function listKernels(options: { json: boolean }, signal: AbortSignal): Promise<number> {
  const [cached, offered] = await Promise.all([cachedKernels(), offeredKernels(signal)]);
  const listed = await Promise.all(
    cached.map(async (kernel) => {
      const config = await kernelConfig(kernel);
      const lacks = config === null ? null : WORTH_KNOWING.filter((name) => !config.has(name));
      return { ...kernel, lacks };
    }),
  );
  if (options.json) process.stdout.write(`${JSON.stringify({ cached: listed, offered }, null, 2)}\n`);
  else {
    const lines = [
      "Cached:",
      ...listed.map((kernel) => {
        const name = kernel.version === null ? kernel.key : `debian:${kernel.version}`;
        const lacks = kernel.lacks?.length ? `; built without ${kernel.lacks.join(", ")}` : "";
        return `  ${name.padEnd(28)}${describeKernel(kernel)}${lacks}`;
      }),
      ...(listed.length === 0 ? ["  none yet"] : []),
      "",
      "Available from apt:",
      ...offered.map(({ suite, kernel, why }) => `  ${`debian:${suite}`.padEnd(28)}${kernel?.version ?? why}`),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return listed.length > 0 || offered.some(({ kernel }) => kernel !== null) ? EXIT.passed : EXIT.infrastructure;
}
