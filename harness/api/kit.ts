// SPDX-License-Identifier: Apache-2.0
// What a backend from outside of the repository is given, so that it imports nothing from here but types.
import { z } from "zod";
import { findTool } from "../host/tools.ts";
import { LabError } from "../runtime/runtime.ts";
import { linkOn, SOURCES, VIP } from "../topology/topology.ts";
import { startProgram } from "../traffic/start-program.ts";
import { nowNs } from "../util/clock.ts";
import { UsageError } from "../util/errors.ts";
import type { Backend } from "./backend.ts";

export const kit = { z, nowNs, linkOn, startProgram, findTool, SOURCES, VIP, LabError, UsageError };
export type BackendKit = typeof kit;
export type OutsideBackend = (kit: BackendKit) => Backend;
