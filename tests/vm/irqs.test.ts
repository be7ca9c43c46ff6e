import { strict as assert } from "node:assert";
import { setTimeout } from "node:timers/promises";
import { Edu } from "@userpci/edu";
import { type IrqKind, openDevice, type PciDevice, type Vector } from "userpci";
import { expectCode, expectRejection } from "./harness/expect.ts";
import { guestSuite } from "./harness/suite.ts";
import { at } from "./machines.ts";

const SOON = { timeoutMs: 5000 };

/** Interrupt causes of the 82574 to set, and its mask to set and to clear (datasheet, 10.2.4.3 to 10.2.4.6). */
const INTEL = { ICS: 0xc8, IMS: 0xd0, IMC: 0xd8 } as const;

/** An edu that interrupts on command, with one vector enabled. */
async function openEdu(
  kind: IrqKind,
): Promise<{ device: PciDevice; edu: Edu; vector: Vector; [Symbol.asyncDispose](): Promise<void> }> {
  const device = await openDevice(at.edu);
  const edu = Edu.attach(device);
  const vector = device.irqs.enable(kind).at(0);
  return { device, edu, vector, [Symbol.asyncDispose]: () => device.close() };
}

/** Resolves when `done` says so, which it is asked at every turn of the event loop. */
async function until(done: () => boolean): Promise<void> {
  const deadline = performance.now() + SOON.timeoutMs;
  while (!done()) {
    assert.ok(performance.now() < deadline, "it never came");
    await setTimeout(1);
  }
}

await guestSuite(import.meta.url, {
  tests: {
    "a listener that acknowledges is called for each interrupt, and INTx unmasked after it": async () => {
      for (const kind of ["msi", "intx"] as const) {
        await using opened = await openEdu(kind);
        const { edu, vector } = opened;
        let calls = 0;
        vector.on(() => {
          calls++;
          edu.acknowledge(edu.interruptStatus);
        });
        for (let i = 1; i <= 5; i++) {
          edu.raise(i);
          await until(() => calls >= i);
        }
        assert.equal(edu.interruptStatus, 0);
        assert.ok(vector.stats.count >= 5);
      }
    },

    "an iterator takes one interrupt after the other, and unmasks INTx when it asks for the next":
      async () => {
        for (const kind of ["msi", "intx"] as const) {
          await using opened = await openEdu(kind);
          const { edu, vector } = opened;
          let steps = 0;
          edu.raise(1);
          for await (const count of vector) {
            assert.ok(count >= 1);
            edu.acknowledge(edu.interruptStatus);
            if (++steps === 4) break;
            edu.raise(steps);
          }
          edu.raise(8);
          assert.ok((await vector.wait(SOON)) >= 1, "after the iterator another reader may come");
          edu.acknowledge(8);
        }
      },

    "an interrupt that is not acknowledged fires again and again until it is": async () => {
      await using opened = await openEdu("intx");
      const { edu, vector } = opened;
      edu.raise(1);
      for (let i = 0; i < 3; i++) assert.equal(await vector.wait(SOON), 1);
      edu.acknowledge(1);
      // One event may have been under way already.
      await vector.wait({ timeoutMs: 30 });
      assert.equal(await vector.wait({ timeoutMs: 30 }), 0);
    },

    "a listener resets its device, and INTx fires again after that": async () => {
      await using device = await openDevice(at.e1000e);
      device.config.command.update({ memory: true, busMaster: true });
      const registers = device.bar(0).map();
      /** Any cause will do. */
      const raise = (): void => {
        registers.write32(INTEL.IMS, 1 << 2);
        registers.write32(INTEL.ICS, 1 << 2);
      };
      let reset: Promise<void> | undefined;
      let after = 0;
      device.irqs
        .enable("intx")
        .at(0)
        .on(() => {
          registers.write32(INTEL.IMC, 0xffff_ffff);
          if (reset === undefined) reset = device.reset();
          else after++;
        });
      raise();
      await until(() => reset !== undefined);
      await reset;
      raise();
      await until(() => after > 0);
    },

    "a vector that the user masked stays masked over deliveries": async () => {
      await using opened = await openEdu("intx");
      const { edu, vector } = opened;
      vector.mask();
      edu.raise(1);
      assert.equal(await vector.wait({ timeoutMs: 40 }), 0);
      assert.equal(vector.waitSync({ timeoutMs: 40 }), 0);
      vector.unmask();
      assert.equal(vector.waitSync({ timeoutMs: 5000 }), 1);
      edu.acknowledge(1);
    },

    "waiting ends by a time-out, by a signal, and when the set closes": async () => {
      await using opened = await openEdu("msi");
      const { device, vector } = opened;
      assert.equal(await vector.wait({ timeoutMs: 20 }), 0);
      await expectRejection("ERR_ABORTED", () => vector.wait({ signal: AbortSignal.timeout(20) }));
      vector.trigger();
      assert.equal(await vector.wait(SOON), 1, "an abort costs no event");
      const pending = expectRejection("ERR_CLOSED", () => vector.wait());
      device.irqs.enabled()[0]!.close();
      await pending;
      expectCode("ERR_CLOSED", () => vector.trigger());
      using again = device.irqs.enable("msi");
      again.at(0).trigger();
      assert.equal(again.at(0).take(), 1);
    },

    "MSI-X vectors join and leave while others go on": async () => {
      await using device = await openDevice(at.nvme);
      using set = device.irqs.enable("msix", { count: 2, start: 4 });
      const [sixtieth] = set.add([60]);
      assert.deepEqual(
        [...set].map(({ index }) => index),
        [4, 5, 60],
      );
      for (const vector of set) vector.trigger();
      for (const vector of set) assert.equal(vector.take(), 1);
      set.remove([5]);
      assert.equal(sixtieth!.closed, false);
      set.at(60).trigger();
      assert.equal(set.at(60).waitSync({ timeoutMs: 5000 }), 1);
      expectCode("ERR_OUT_OF_RANGE", () => set.at(5));
      expectCode("ERR_IRQ_BUSY", () => set.add([60]));
      expectCode("ERR_IRQ_COUNT", () => set.add([65]));
    },

    "any subset of MSI-X vectors can be enabled": async () => {
      await using device = await openDevice(at.nvme);
      const numbers = [60, 3, 7, 8];
      using set = device.irqs.enable("msix", { vectors: numbers });
      for (const index of numbers) {
        set.at(index).trigger();
        assert.equal(set.at(index).waitSync(SOON), 1);
        assert.ok([...set].every((vector) => vector.take() === 0));
      }
      expectCode("ERR_OUT_OF_RANGE", () => set.at(0));
    },

    "several MSIs can be enabled, left out and brought back, and none beyond them": async () => {
      await using device = await openDevice(at.usb);
      assert.deepEqual([device.irqs.info("msi").count, device.irqs.info("msi").resizable], [16, false]);
      using set = device.irqs.enable("msi", { vectors: [1, 6] });
      set.remove([1]);
      set.add([0, 1, 4]);
      for (const vector of set) {
        vector.trigger();
        assert.equal(vector.waitSync(SOON), 1, `vector ${vector.index}`);
        assert.ok([...set].every((each) => each.take() === 0));
      }
      expectCode("ERR_NOT_SUPPORTED", () => set.add([7]));
      assert.equal(set.count, 4);
    },

    "a hybrid wait takes an interrupt while it spins, and one that comes when it sleeps": async () => {
      await using opened = await openEdu("msi");
      const { edu, vector } = opened;
      for (const spinUs of [0, 10, 200_000]) {
        edu.raise(1);
        assert.ok(vector.waitSync({ ...SOON, spinUs }) >= 1);
        edu.acknowledge(1);
        const later = setTimeout(30).then(() => edu.raise(2));
        assert.ok((await vector.wait({ ...SOON, spinUs: Math.min(spinUs, 1000) })) >= 1);
        edu.acknowledge(2);
        await later;
      }
      vector.take();
      assert.equal(vector.waitSync({ timeoutMs: 5, spinUs: 500 }), 0);
    },

    "what a vector has seen is counted, and a loop-back timed": async () => {
      await using opened = await openEdu("msi");
      const { vector } = opened;
      for (let i = 0; i < 10; i++) {
        vector.trigger();
        assert.equal(await vector.wait(SOON), 1);
      }
      for (let i = 0; i < 4; i++) vector.trigger();
      assert.equal(vector.take(), 4);
      const { latency, rate, ...stats } = vector.stats;
      assert.deepEqual(stats, {
        count: 14,
        deliveries: 11,
        coalescing: 14 / 11,
        largest: 4,
        lastAt: stats.lastAt,
      });
      assert.ok(rate > 0 && rate <= 14, `${rate} a second`);
      assert.equal(latency!.count, 11);
      assert.ok(latency!.min > 0 && latency!.min <= latency!.mean && latency!.mean <= latency!.max);
    },

    "what the function does not have is refused, and nothing stays enabled": async () => {
      await using device = await openDevice(at.nvme);
      const { hint } = expectCode("ERR_NOT_SUPPORTED", () => device.irqs.enable("msi"));
      assert.match(hint!, /MSI-X \(65\)/);
      expectCode("ERR_IRQ_COUNT", () => device.irqs.enable("msix", { count: 66 }));
      expectCode("ERR_IRQ_COUNT", () => device.irqs.enable("msix", { count: 2, start: 64 }));
      expectCode("ERR_IRQ_COUNT", () => device.irqs.enable("msix", { count: -1 }));
      assert.deepEqual(device.irqs.enabled(), []);
      using _all = device.irqs.enable("msix", { count: 65 });
      expectCode("ERR_IRQ_BUSY", () => device.irqs.enable("intx"));
    },

    "a request for the device reaches its driver beside its own interrupts": async () => {
      await using device = await openDevice(at.nvme);
      using msix = device.irqs.enable("msix");
      using request = device.irqs.enable("req");
      request.at(0).trigger();
      assert.equal(await request.at(0).wait(SOON), 1);
      assert.equal(msix.at(0).take(), 0);
    },

    "the vector that fires is the one that is told": async () => {
      await using device = await openDevice(at.nvme);
      using set = device.irqs.enable("msix", { count: 8 });
      const told: number[] = [];
      for (const vector of set) vector.on(() => told.push(vector.index));
      for (const index of [3, 0, 7]) {
        set.at(index).trigger();
        await until(() => told.includes(index));
      }
      assert.deepEqual(told, [3, 0, 7]);
    },
  },
});
