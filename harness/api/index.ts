// SPDX-License-Identifier: Apache-2.0
// All that backends and scenarios import of the harness. Backends from outside are given the same (kit.ts).
export { addressText } from "../analysis/flows.ts";
export { EVENTS } from "../events/index.ts";
export { memberNoun } from "../events/meaning.ts";
export { exists as fileExists, type FoundProgram, findProgram } from "../host/locate.ts";
export { affinityS } from "../oracle/affinity.ts";
export { isChosenByHash } from "../oracle/attack.ts";
export { addressBytes } from "../oracle/hash.ts";
export { type FlowHash, hashOf } from "../oracle/hashes/index.ts";
export type { AssignSpec, FlowRule, OracleSpec, StatefulSpec } from "../oracle/oracle.ts";
export { defineStrategy } from "../oracle/strategies/define.ts";
export { servicesOf } from "../plan/flows.ts";
export type {
  Direct,
  Disruption,
  Family,
  Lifecycle,
  Protocol,
  Reuse,
  Room,
  Snat,
  WithoutTargets,
} from "../record/schema.ts";
export { type Daemon, startProgram } from "../runtime/daemon.ts";
export { fabricAt, fabricsOf } from "../runtime/fabric.ts";
export { CommandError, type Host, type Lab, LabError, type Output } from "../runtime/runtime.ts";
export { secondVip } from "../topology/paths.ts";
export {
  clientVips,
  type Link,
  linkOn,
  type Machine,
  type Net,
  otherVip,
  planTopology,
  SOURCES,
  type Topology,
  VIP,
  vipsOf,
} from "../topology/topology.ts";
export { routesToSources } from "../topology/wiring.ts";
export { PORT, type ServedPorts } from "../traffic/servers.ts";
export { UsageError } from "../util/errors.ts";
export { isPrime } from "../util/prime.ts";
export type { Backend, Balancer, EffectiveOptions, Feature, LinkNeeds, Served } from "./backend.ts";
export { type DefinedBackend, type Definition, defineBackend, definedOptions, presetBackend } from "./define.ts";
export type { EventDefinition } from "./event.ts";
export { type Asked, type KernelProbe, OWN_NETWORK } from "./kernel-probe.ts";
export { modprobe, ruleModules } from "./modules.ts";
export { addressOf, FAMILIES, type IpFamily, ipBatch, setSysctls, vipPrefix } from "./network.ts";
export type { OwnChecks } from "./own-checks.ts";
export { type Program, type Requirements, said, type Tool } from "./requirements.ts";
export type { Router, RouterSide } from "./routers.ts";
export type { Plan, Scenario, ScenarioOptions, Step } from "./scenario.ts";
export { iptablesRestore, TOOLS } from "./tools.ts";
