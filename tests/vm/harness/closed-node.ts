import { chmodSync, chownSync, statSync } from "node:fs";

/** Runs `test` while a node belongs to root alone. */
export async function withClosed(node: string, test: () => Promise<void>): Promise<void> {
  const { uid, gid, mode } = statSync(node);
  chownSync(node, 0, 0);
  chmodSync(node, 0o600);
  try {
    await test();
  } finally {
    chownSync(node, uid, gid);
    chmodSync(node, mode);
  }
}
