// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { access, accessText } from "./access.ts";

const lab = {
  targets: ["vm-001", "vm-002"].map((name) => ({ name, active: true })),
  routers: ["vm-201"],
};

test("a running lab tells its VIP, its ports and the addresses of its machines", (t) => {
  const { vip, ports, addresses } = access(lab);
  t.deepEqual(vip, ["10.0.0.0", "1000::"]);
  t.is(ports.connect, 5001);
  t.deepEqual(addresses["vm-002"], ["192.168.1.2", "1000::1:192.168.1.2"]);
  t.deepEqual(Object.keys(addresses), ["vm-001", "vm-002", "vm-201"]);
  t.regex(
    accessText(lab).join("\n"),
    /^VIP +10\.0\.0\.0 1000::\nports +5001 connect, .*\nnet1 +vm-001 192\.168\.1\.1 /,
  );
});
