// SPDX-License-Identifier: Apache-2.0
// A container's engine mounts /proc/sys read-only; the lab mounts its own. The probe asks for the kernel's setting, not for that mount.
import test from "ava";
import { outcomeOf } from "../../harness/testing/machine.ts";
import { ecmp } from "./ecmp.ts";

test("a read-only /proc/sys changes nothing of what is said about the kernel", async (t) => {
  const [seed] = ecmp.requires(ecmp.options.parse({})).kernel ?? [];
  const argv = [...(seed?.argv ?? [])];
  t.regex(argv.join(" "), /fib_multipath_hash_seed/);
  const plain = await outcomeOf(["unshare", "--user", "--map-root-user", "--net", ...argv]);
  const readOnly =
    "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && ! test -w /proc/sys/net/ipv4/ip_forward || exit 99";
  const script = `${readOnly}; exec "$@"`;
  const apart = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc"];
  const held = await outcomeOf([...apart, "sh", "-c", script, "sh", ...argv]);
  t.is(held.status, plain.status, held.stderr);
});
