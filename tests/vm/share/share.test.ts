/** A domain of one process, into which another maps its own memory. */
import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  type BackendDevice,
  type DmaMapping,
  type IommuDomain,
  type IovaReservation,
  type OwnedRegion,
  toIova,
} from "@userpci/interface";
import {
  adoptDomain,
  type DomainReceiver,
  type KernelBackend,
  sendDomain,
  type TransferOptions,
} from "@userpci/vfio-native";
import { backendName, kernelBackend } from "../harness/backend.ts";
import { type Child, startNode } from "../harness/child.ts";
import { edu, startEdu, transfer } from "../harness/edu-registers.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { type Holdings, holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";
import type { Question } from "./receiver.ts";

const PAGE = 4096;
const SIZE = 256;
const BUFFER = BigInt(edu.BUFFER);
const RECEIVER = new URL("./receiver.js", import.meta.url);
const IS_ROOT = process.getuid!() === 0;

let paths = 0;
/** A name for each meeting of two processes: files and abstract names by turns. */
function newPath(): string {
  paths += 1;
  return `${paths % 2 === 0 ? "@" : "/tmp/"}userpci-${process.pid}-${paths}`;
}

/** The process at the other end of a domain. */
class Other implements Disposable {
  readonly receiver: DomainReceiver;
  readonly #child: Child;

  constructor(child: Child, receiver: DomainReceiver) {
    this.#child = child;
    this.receiver = receiver;
  }

  ask(question: Question): Promise<string> {
    return this.#child.ask(question);
  }

  async iova(): Promise<bigint> {
    return BigInt(await this.ask("iova"));
  }

  async holdings(): Promise<Holdings> {
    return JSON.parse(await this.ask("holdings"));
  }

  kill(): void {
    this.#child.process.kill("SIGKILL");
  }

  /** Ends it by itself. */
  exit(): void {
    this.#child.process.stdin!.write("exit\n");
  }

  [Symbol.dispose](): void {
    this.receiver.close();
    this.#child[Symbol.dispose]();
  }
}

/** Gives a window of a domain to a process that is started for it. */
async function shareWith(
  domain: IommuDomain,
  window: IovaReservation,
  { uid, ...options }: TransferOptions & { uid?: number } = {},
): Promise<Other> {
  const path = newPath();
  const child = startNode(RECEIVER, [path], uid);
  try {
    const receiver = await sendDomain(path, domain.share(window), options);
    assert.equal(existsSync(path), false);
    return new Other(child, receiver);
  } catch (error) {
    child[Symbol.dispose]();
    throw error;
  }
}

/** A process that drives a device, and memory of its own with random bytes that the device has taken in. */
class Driver implements AsyncDisposable {
  readonly backend: KernelBackend = kernelBackend();
  readonly domain: IommuDomain = this.backend.createDomain();
  readonly device: BackendDevice = this.backend.openSync(at.wideEdu, { domain: this.domain });
  readonly bar: OwnedRegion = startEdu(this.device);
  readonly memory = this.backend.memory.alloc(PAGE);
  readonly bytes = new Uint8Array(this.memory.buffer, 0, SIZE);
  readonly mapping: DmaMapping = this.domain.mapSync(this.memory, { addressBits: 28 });
  readonly window: IovaReservation = this.domain.reserve(16 * PAGE, { label: "receiver", addressBits: 28 });

  /** Has a device write fresh random bytes somewhere, which it takes from this process's memory. */
  async write(iova: bigint, bar = this.bar): Promise<string> {
    this.bytes.set(randomBytes(SIZE));
    await transfer(bar, this.mapping.iova, BUFFER, SIZE, 1);
    await transfer(bar, BUFFER, iova, SIZE, 3);
    return Buffer.from(this.bytes).toString("hex");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend.close();
    this.memory.close();
  }
}

/** Whether the kernel has nothing mapped at an address of the window, whoever it is of. */
function isFree({ backend, domain }: Driver, iova: bigint): boolean {
  const { mappers } = domain as unknown as { mappers: { mapSync: typeof domain.mapSync }[] };
  assert.ok(mappers.length > 0);
  using page = backend.memory.alloc(PAGE);
  const request = { iova: toIova(iova), size: PAGE, memory: page, offset: 0, direction: "bidirectional" };
  const [mapper] = mappers as unknown as {
    mapSync(it: typeof request): void;
    unmapSync(at: bigint, size: number): void;
  }[];
  try {
    mapper!.mapSync(request);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "ERR_IOVA_OVERLAP");
    return false;
  }
  mapper!.unmapSync(iova, PAGE);
  return true;
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "two devices of one process write into the memory of another, until that lets go": async () => {
      await using driver = new Driver();
      const second = driver.backend.openSync(at.edu, { domain: driver.domain });
      const secondBar = startEdu(second);
      using other = await shareWith(driver.domain, driver.window);
      assert.equal(other.receiver.uid, process.getuid!());
      const iova = await other.iova();
      const { start, last } = driver.window.range;
      assert.ok(start <= iova && iova + BigInt(PAGE) - 1n <= last, "it stays in the window");
      assert.match(await other.ask("outside"), /^ERR_IOVA_RANGE/);

      const first = await driver.write(iova);
      assert.equal(await other.ask("bytes"), first);
      const before = await driver.write(iova, secondBar);
      assert.equal(await other.ask("bytes"), before);

      assert.equal(await other.ask("close"), "closed");
      await other.receiver.ended();
      assert.notEqual(await driver.write(iova), before);
      assert.equal(await other.ask("bytes"), before, "the device reaches it no more");
      assert.ok(isFree(driver, iova));
    },

    "memory counts where it was mapped, and the descriptors are gone after close": async () => {
      await using driver = new Driver();
      const here = holdings().pinned;
      using other = await shareWith(driver.domain, driver.window);
      const during = await other.holdings();
      // Also of root, whom the limit does not bind.
      assert.deepEqual([during.pinned, holdings().pinned], [PAGE, here]);
      await other.ask("unmap");
      assert.equal((await other.holdings()).pinned, 0);
      const open = (await other.holdings()).descriptors;
      await other.ask("close");
      const left = (await other.holdings()).descriptors;
      const node = backendName === "vfio-cdev" ? "/dev/iommu" : "/dev/vfio/vfio";
      assert.deepEqual([open[node], left[node]], [1, undefined]);
      const sockets = (files: object): number =>
        Object.keys(files).filter((name) => /^socket:/.test(name)).length;
      assert.equal(sockets(left), sockets(open) - 1);
    },

    "a process that ends by itself leaves nothing mapped": async () => {
      await using driver = new Driver();
      using other = await shareWith(driver.domain, driver.window);
      const iova = await other.iova();
      assert.ok(!isFree(driver, iova));
      other.exit();
      await other.receiver.ended();
      assert.ok(isFree(driver, iova));
    },

    "what a killed process had mapped stays until the reservation is closed": async () => {
      await using driver = new Driver();
      using other = await shareWith(driver.domain, driver.window);
      const iova = await other.iova();
      other.kill();
      await other.receiver.ended();
      assert.ok(!isFree(driver, iova), "the kernel keeps it");
      driver.window.close();
      assert.ok(isFree(driver, iova));
      using page = driver.backend.memory.alloc(PAGE);
      driver.domain.mapSync(page, { iova: toIova(iova) }).unmapSync();
    },

    "memory is taken from a living process too, which unmaps it later without harm": async () => {
      await using driver = new Driver();
      using other = await shareWith(driver.domain, driver.window);
      const iova = await other.iova();
      const before = await driver.write(iova);
      driver.window.close();
      await driver.write(iova);
      assert.equal(await other.ask("bytes"), before);
      using page = driver.backend.memory.alloc(PAGE);
      const there = { iova: toIova(iova) };
      expectCode("ERR_IOVA_OVERLAP", () => driver.domain.mapSync(page, there));
      assert.equal(await other.ask("unmap"), "unmapped");
      assert.equal(await other.ask("again"), "mapped", "it still may");
      assert.equal(await other.ask("close"), "closed");
      await other.receiver.ended();
      assert.ok(isFree(driver, iova));
      driver.domain.mapSync(page, there).unmapSync();
    },

    "the owner may close first; its address space is never another's": async () => {
      const first = new Driver();
      using other = await shareWith(first.domain, first.window);
      const iova = await other.iova();
      const before = await first.write(iova);
      await first[Symbol.asyncDispose]();
      assert.deepEqual(holdings().pinned, 0);

      await using second = new Driver();
      await second.write(iova);
      assert.equal(await other.ask("bytes"), before, "another domain of the same device");
      assert.equal(await other.ask("unmap"), "unmapped");
      const again = await other.ask("again");
      assert.match(again, backendName === "vfio-cdev" ? /^mapped$/ : /^ERR_DOMAIN_EMPTY: .* no device left/);
      assert.ok(isFree(second, iova));
      assert.equal(await other.ask("close"), "closed");
    },

    "the descriptors, devices and domains close in any order": async () => {
      type Step = (driver: Driver, other: Other) => Promise<unknown>;
      const steps: Record<string, Step> = {
        device: (driver) => driver.device.close(),
        mapping: (driver) => driver.mapping.unmap(),
        window: async (driver) => driver.window.close(),
        other: (_driver, other) => other.ask("close"),
      };
      // Two of them: `packages/iommu/src/share.test.ts` has the others, on a model of the kernel.
      const orders = [Object.keys(steps), ["window", "other", "device", "mapping"]];
      for (const order of orders) {
        await using driver = new Driver();
        using other = await shareWith(driver.domain, driver.window);
        for (const name of order) await steps[name]!(driver, other);
        await driver.domain.close();
        assert.equal(holdings().pinned, 0, order.join(", "));
      }
      assert.deepEqual(
        Object.keys(holdings().descriptors).filter((name) => /vfio|iommu/.test(name)),
        [],
      );
    },

    "a process of another user has it only if it was named": async () => {
      if (!IS_ROOT) {
        console.log("skipped: an ordinary user cannot start a process of another user");
        return;
      }
      await using driver = new Driver();
      using named = await shareWith(driver.domain, driver.window, { uid: USER, uids: [USER] });
      const iova = await named.iova();
      const bytes = await driver.write(iova);
      assert.equal(await named.ask("bytes"), bytes);
      assert.deepEqual([named.receiver.uid, (await named.holdings()).pinned], [USER, PAGE]);
      await named.ask("close");
      const path = `@userpci-${process.pid}-refused`;
      using refused = startNode(RECEIVER, [path], USER);
      const controller = new AbortController();
      void refused.ended.then(() => controller.abort());
      const sent = sendDomain(path, driver.domain.share(driver.window), { signal: controller.signal });
      const { message } = await expectRejection("ERR_ABORTED", () => sent);
      assert.match(
        message,
        /^no process took the domain at @userpci-.* and process \d+ of uid 65534 was turned away/,
      );
      await assert.rejects(refused.line(), /the other process closed the connection without giving a domain/);
    },

    "a share of other pages than its IOMMU has is refused, and leaves nothing": async () => {
      await using driver = new Driver();
      const share = driver.domain.share(driver.window);
      adoptDomain(share).closeSync();
      const before = holdings();
      const wrong = { ...share, pageSize: 16 * share.pageSize };
      expectCode("ERR_INVALID_ARGUMENT", () => adoptDomain(wrong));
      assert.deepEqual(holdings(), before);
      await driver.write(driver.mapping.iova);
    },

    "the other process pins no more than it may": async () => {
      await using driver = new Driver();
      const window = driver.domain.reserve(2 ** 22);
      using other = await shareWith(driver.domain, window);
      const answer = await other.ask("much");
      assert.match(answer, IS_ROOT ? /^mapped$/ : /^ERR_MEMLOCK: .*RLIMIT_MEMLOCK is (1 MiB|1024 KiB)/);
    },
  },
  memlock: 2 ** 20,
  timeoutMs: 300_000,
});
