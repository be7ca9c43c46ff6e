import { strict as assert } from "node:assert";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Edu } from "@userpci/edu";
import { openDevice, type Vector } from "userpci";
import { expectCode } from "./harness/expect.ts";
import { holdings } from "./harness/process.ts";
import { guestSuite } from "./harness/suite.ts";
import type { ReaderMessage, ReaderOrder } from "./lifecycle/vector-reader.ts";
import { at } from "./machines.ts";

const SOON = { timeoutMs: 5000 };

/** A thread that adopts one vector after the other. */
class Reader {
  static #started: Promise<Reader> | undefined;
  readonly #worker = new Worker(new URL("./lifecycle/vector-reader.js", import.meta.url));

  /** The one of this process: the machine needs seconds to start it. */
  static get(): Promise<Reader> {
    Reader.#started ??= Reader.#start();
    return Reader.#started;
  }

  static async #start(): Promise<Reader> {
    const reader = new Reader();
    assert.equal(await reader.says(), "ready");
    return reader;
  }

  async says(): Promise<ReaderMessage> {
    const [message] = await once(this.#worker, "message");
    return message as ReaderMessage;
  }

  tell(order: ReaderOrder): void {
    this.#worker.postMessage(order);
  }

  async adopt(vector: Vector): Promise<void> {
    const adopted = this.says();
    this.tell(vector.share());
    assert.equal(await adopted, "adopted");
    expectCode("ERR_IRQ_BUSY", () => vector.take());
  }

  async giveBack(): Promise<void> {
    const done = this.says();
    this.tell("close");
    assert.equal(await done, "done");
  }

  terminate(): Promise<number> {
    return this.#worker.terminate();
  }
}

await guestSuite(import.meta.url, {
  tests: {
    "a worker that reads INTx unmasks it by asking for more, and leaves it usable": async () => {
      const reader = await Reader.get();
      await using device = await openDevice(at.edu);
      const edu = Edu.attach(device);
      const vector = device.irqs.enable("intx").at(0);
      await reader.adopt(vector);
      for (let round = 1; round <= 4; round++) {
        const told = reader.says();
        edu.raise(round);
        assert.equal(await told, 1);
        edu.acknowledge(edu.interruptStatus);
        if (round < 4) reader.tell("next");
      }
      await reader.giveBack();
      // The worker left the line masked; asking unmasks it.
      edu.raise(1);
      assert.equal(vector.waitSync(SOON), 1);
      edu.acknowledge(edu.interruptStatus);
    },

    "an INTx that is shared while it waits to be unmasked fires for the worker": async () => {
      const reader = await Reader.get();
      await using device = await openDevice(at.edu);
      const edu = Edu.attach(device);
      const vector = device.irqs.enable("intx").at(0);
      edu.raise(1);
      assert.equal(vector.waitSync(SOON), 1);
      edu.acknowledge(1);
      await reader.adopt(vector);
      const told = reader.says();
      edu.raise(2);
      assert.equal(await told, 1);
      edu.acknowledge(2);
      await reader.giveBack();
    },

    "a worker's vector ends with the set, and no descriptor is left": async () => {
      const reader = await Reader.get();
      await using device = await openDevice(at.nvme);
      const before = holdings();
      const set = device.irqs.enable("msix", { count: 2 });
      await reader.adopt(set.at(1));
      const done = reader.says();
      set.close();
      assert.equal(await done, "done");
      assert.deepEqual(holdings(), before);
    },

    "a worker's vector ends with its device": async () => {
      const reader = await Reader.get();
      const device = await openDevice(at.nvme);
      await reader.adopt(device.irqs.enable("msix").at(0));
      const done = reader.says();
      await device.close();
      assert.equal(await done, "done");
    },

    "a worker that is terminated leaves its vector, with what nobody was told of": async () => {
      const reader = await Reader.get();
      await using device = await openDevice(at.nvme);
      using set = device.irqs.enable("msix", { vectors: [2, 5] });
      const vector = set.at(5);
      await reader.adopt(vector);
      const told = reader.says();
      vector.trigger();
      assert.equal(await told, 1);
      // It does not ask for more: what its event loop sees meanwhile, nobody was told of.
      for (let i = 0; i < 3; i++) vector.trigger();
      await delay(200);
      await reader.terminate();
      assert.equal(vector.take(), 3);
      set.at(2).trigger();
      assert.equal(set.at(2).take(), 1);
    },
  },
});
