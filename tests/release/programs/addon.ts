// Loads the addon in the main thread and in a worker, and lets each allocate memory with it.
import { strict as assert } from "node:assert";
import { once } from "node:events";
import { isMainThread, Worker } from "node:worker_threads";
import { MemfdSource } from "@userpci/vfio-native";

const memory = new MemfdSource().alloc(4096, { label: "release-test" });
assert.equal(new Uint8Array(memory.buffer).length, 4096);
memory.close();
assert.equal(memory.closed, true);

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [status] = await once(worker, "exit");
  assert.equal(status, 0);
  console.log("addon ok in the main thread and in a worker");
}
