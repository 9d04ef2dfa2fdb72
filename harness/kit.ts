// What a backend from outside of the repository is given, so that it imports nothing from here but types.
import { z } from "zod";
import { type Backend, UsageError } from "./backend.ts";
import { nowNs } from "./clock.ts";
import { LabError } from "./runtime/runtime.ts";
import { findTool } from "./tools.ts";
import { linkOn, SOURCES, VIP } from "./topology/topology.ts";
import { startProgram } from "./traffic/traffic.ts";

export const kit = { z, nowNs, linkOn, startProgram, findTool, SOURCES, VIP, LabError, UsageError };
export type BackendKit = typeof kit;
export type OutsideBackend = (kit: BackendKit) => Backend;
