import { parentPort, workerData } from "node:worker_threads";
import { adoptPool, type PciError, type SharedPool } from "userpci";

/** What the writer is to do: a pool to take an element of, and the byte to fill it with. */
export interface WriterOrder {
  readonly pool: SharedPool;
  readonly byte: number;
}

/** What it says: the element's index and address, and later the code of the error when the pool is gone. */
export type WriterMessage = { readonly index: number; readonly iova: bigint } | { readonly code: string };

const say = (message: WriterMessage): void => parentPort!.postMessage(message);

const order = workerData as WriterOrder;
const pool = adoptPool(order.pool);
const index = pool.get();
pool.element(index).fill(order.byte);
say({ index, iova: pool.iova(index) });

const timer = setInterval(() => {
  try {
    pool.put(pool.get());
  } catch (error) {
    clearInterval(timer);
    say({ code: (error as PciError).code });
  }
}, 10);
