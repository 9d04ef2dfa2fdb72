import { existsSync } from "node:fs";
import { connectSession, socketPath } from "../session/session.ts";

/** Removes what an earlier run may have left, and says what it found. A lab that is running is left alone. */
export async function cleanCommand(): Promise<number> {
  const stale = existsSync(socketPath());
  const socket = await connectSession();
  socket?.destroy();
  const found = socket
    ? "A lab is running; it was left alone. Run './load-balancer.ts stop' to end it."
    : stale
      ? `Removed the socket of a lab that is gone: ${socketPath()}`
      : "Nothing was left behind. Labs of the netns runtime end with their process.";
  process.stdout.write(`${found}\n`);
  return 0;
}
