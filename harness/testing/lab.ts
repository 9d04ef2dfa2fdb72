// SPDX-License-Identifier: Apache-2.0
// What tests and measurements of backends use of the harness, beyond what backends themselves import.
export { expectedLoss } from "../analysis/theory.ts";
export { missingOf } from "../api/requirements.ts";
export { flood, highestRate } from "../bench/flood.ts";
export type { Finding } from "../gate/finding.ts";
export { describeHost } from "../host/describe.ts";
export { runProgram } from "../host/program.ts";
export { type Flow, flowKey, murmur3, PROTOCOL } from "../oracle/hash.ts";
export { hashFlow, makeOracle, type TableSpec } from "../oracle/oracle.ts";
export { hashOfKey } from "../oracle/strategies/key-hash.ts";
export { parseBackendOptions } from "../plan/backend-options.ts";
export { decodeRow, ROW_BYTES } from "../record/connections.ts";
export type { Connection, Datagrams, Summary } from "../record/schema.ts";
export { buildDir, netns } from "../runtime/netns.ts";
export type { Place } from "../runtime/runtime.ts";
export { clientWords } from "../traffic/client.ts";
export { snmpTable } from "../traffic/counters.ts";
export { startServers } from "../traffic/servers.ts";
export { flowSources } from "../traffic/traffic.ts";
export { median } from "../util/median.ts";
