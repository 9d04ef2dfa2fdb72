// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";

/** 32 bits without a sign. */
export const seed = z.number().int().min(0).max(0xffffffff);
