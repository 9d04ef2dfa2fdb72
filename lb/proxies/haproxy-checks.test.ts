// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { haproxy } from "./haproxy.ts";
import { checkWords, isUp } from "./haproxy-checks.ts";

const HEAD =
  "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_check_health";
const server = (family: 4 | 6, name: string, state = 2, admin = 0) =>
  `3 targets${family} 1 ${name} 192.168.1.1 ${state} ${admin} 1 1 4`;
const table = (...lines: string[]) => [HEAD, ...lines, ""].join("\n");

test("targets are up where each family's server runs and none was taken out", (t) => {
  const both = (...more: [number?, number?]) => [server(4, "vm-001"), server(6, "vm-001", ...more)];
  t.true(isUp(table(...both()), new Set(["vm-001"]), 1));
  t.false(isUp(table(...both(0)), new Set(["vm-001"]), 1), "down in one family");
  t.false(isUp(table(...both(2, 1)), new Set(["vm-001"]), 1), "in maintenance");
  t.false(isUp(table(...both()), new Set(), 1), "not found yet");
  t.true(isUp(table(server(4, "vm-001", 0), server(6, "vm-001", 0)), new Set(), 1));
  t.false(isUp(table(server(4, "vm-001")), new Set(["vm-001"]), 1), "half an answer");
  t.false(isUp("", new Set(), 1), "no answer");
});

test("when a death is found follows from interval and fall, and what checks leave out is refused", (t) => {
  const parse = (...words: string[]) => parseBackendOptions(haproxy, words);
  t.is(haproxy.checks?.(parse()), null);
  t.like(haproxy.checks?.(parse("check=traffic")), { where: "traffic", timers: { detectionMs: [2500, 3000] } });
  const quick = parse("check=beside", "inter=100", "fall=2");
  t.like(haproxy.checks?.(quick), { where: "beside", timers: { misses: 2, detectionMs: [300, 400] } });
  t.throws(() => haproxy.effectiveOptions(parse("fall=2"), 2), { message: /'fall' is of HAProxy's health checks/ });
  t.is(
    checkWords({ check: "traffic", rise: 1 }, true),
    " check inter 500 fall 3 rise 1 on-marked-down shutdown-sessions",
  );
  t.is(checkWords({ check: "traffic" }, false), " check inter 500 fall 3 rise 2");
  t.is(checkWords({ check: "none" }, true), "");
});
