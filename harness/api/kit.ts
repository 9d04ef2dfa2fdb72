// SPDX-License-Identifier: Apache-2.0
// What a backend from outside of the repository is given, so that it imports nothing from here but types: all that ours import, and zod.
import { z } from "zod";
import { findTool } from "../host/tools.ts";
import type { Backend } from "./backend.ts";
import * as api from "./index.ts";

export const kit = { ...api, z, findTool };
export type BackendKit = typeof kit;
export type OutsideBackend = (kit: BackendKit) => Backend;
export type { Router, RouterSide } from "./routers.ts";
