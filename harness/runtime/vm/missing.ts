// SPDX-License-Identifier: Apache-2.0
import { findTool } from "../../host/tools.ts";
import { missingPrograms } from "../netns.ts";
import type { Accelerator } from "./mode.ts";
import { mayUseKvm, missingQemu } from "./qemu.ts";

const NO_KVM =
  "KVM cannot be used here: there is no /dev/kvm to open, or no guest answers under it. Leave out --accel kvm.";

/** One sentence for each thing that this machine lacks for virtual machines, with the remedy. */
export async function missingVm(accel?: Accelerator): Promise<string[]> {
  if (process.arch !== "x64") return ["Virtual machines need an x86-64 machine."];
  const tools = await Promise.all([
    missingQemu(),
    findTool("setpriv", "util-linux"),
    findTool("apt-get", "apt"),
    findTool("dpkg-deb", "dpkg"),
  ]);
  return [
    ...(await missingPrograms()),
    ...tools.filter((sentence) => sentence !== null),
    ...(accel === "kvm" && !(await mayUseKvm()) ? [NO_KVM] : []),
  ];
}
