// SPDX-License-Identifier: Apache-2.0
// Who carries out a guest's instructions, and whose seconds it counts.
import { UsageError } from "../../util/errors.ts";
import type { Qemu } from "./qemu.ts";

export type Accelerator = "kvm" | "tcg";
/** Whose seconds a guest counts: its own instructions, or this machine's. */
export type Time = "virtual" | "real";

/** What was asked for; undefined: nothing was. */
export interface ModeWords {
  accel?: Accelerator | undefined;
  time?: Time | undefined;
}

/** In the order in which they are tried. Throws UsageError when the first cannot have the time that is wanted. */
export function acceleratorsOf({ accel, time }: ModeWords, hasKvm: boolean): Accelerator[] {
  const usual: Accelerator[] = hasKvm ? ["kvm", "tcg"] : ["tcg"];
  const accels = accel ? [accel] : usual;
  if (time === "virtual" && accels[0] === "kvm")
    throw new UsageError("--time virtual needs an emulated guest: KVM keeps this machine's time. Try --accel tcg.");
  return accels;
}

/** Without KVM a guest counts its own seconds, unless that is not wanted or QEMU cannot. */
export function timeOf(
  wanted: Time | undefined,
  accels: readonly Accelerator[],
  { version, lacks }: Pick<Qemu, "version" | "lacks">,
  note: (text: string) => void,
): Time {
  if (wanted === "real" || accels[0] === "kvm") return "real";
  if (lacks === null) return "virtual";
  note(`QEMU ${version} has no ${lacks}, so the guest runs in real time.`);
  return "real";
}
