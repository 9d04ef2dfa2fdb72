import type { Backend } from "../harness/backend.ts";
import { nfqueue } from "./nfqueue/nfqueue.ts";

/** Every backend; a case is named `<backend>` or `<backend>_<scenario>`. */
export const backends: readonly Backend[] = [nfqueue as unknown as Backend];
