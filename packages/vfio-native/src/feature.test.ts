import { closeSync, fstatSync, openSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DeviceAccess } from "./device-access.ts";
import { exportDmaBuf } from "./dma-buf.ts";
import { useFeature } from "./feature.ts";
import { Migration } from "./migration.ts";
import { loadNative } from "./native.ts";
import * as uapi from "./uapi/vfio.ts";

const native = loadNative();
const O_CLOEXEC = 0o2000000;
const access = { native, fd: 5, address: "0000:00:04.0", assertUsable() {} } as unknown as DeviceAccess;

let before = native.ledger();
/** What the kernel opens next; of Node, so that the addon does not know it. */
let opened = -1;
beforeEach(() => {
  before = native.ledger();
  vi.spyOn(native, "ioctl").mockImplementation((_fd, _request, argument, opens) => {
    const data = (argument as Uint8Array).subarray(uapi.deviceFeature.size);
    opened = openSync("/dev/null", "r");
    if (opens) native.adopt(opened);
    const { flags } = uapi.deviceFeature.read(argument as Uint8Array);
    if ((flags & uapi.featureFlag.SET) === 0) return opened;
    uapi.migrationDeviceState.write(data, { data_fd: opened });
    return 0;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  expect(native.ledger()).toEqual(before);
});

describe("a descriptor that a feature opens", () => {
  it("is the caller's, who closes it as any other", () => {
    const data = uapi.dmaBuf.pack({ nr_ranges: 1 }, uapi.dmaBufRange.size);
    expect(useFeature(access, "get", uapi.feature.DMA_BUF, data)).toBe(opened);
    expect(uapi.dmaBuf.read(data).open_flags & O_CLOEXEC).not.toBe(0);
    closeSync(opened);
  });

  it("is memory's own by name", () => {
    const memory = exportDmaBuf(access, 0, { offset: 0, size: 4096 });
    expect(native.ledger().descriptors).toBe(before.descriptors + 1);
    memory.close();
    expect(() => fstatSync(opened)).toThrow("EBADF");
  });

  it("is a file's own that migration gives, and is closed with that", () => {
    const file = new Migration(access).go("STOP_COPY")!;
    expect([file.fd, file.closed]).toEqual([opened, false]);
    file.close();
    file.close();
    expect(() => fstatSync(opened)).toThrow("EBADF");
    expect(() => file.fd).toThrow(
      expect.objectContaining({ code: "ERR_CLOSED", hint: expect.stringMatching(/./) }),
    );
  });

  it("is refused, and not left open, when the number of one was closed behind the addon's back", () => {
    const stale = native.eventfd(0);
    closeSync(stale);
    expect(() => new Migration(access).go("STOP_COPY")).toThrow(
      expect.objectContaining({ code: "EEXIST", hint: expect.stringContaining("fs.closeSync") }),
    );
    expect(opened).toBe(stale);
    expect(() => fstatSync(opened)).toThrow("EBADF");
  });
});
