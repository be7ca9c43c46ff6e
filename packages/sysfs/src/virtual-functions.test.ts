import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { findFunction } from "./find.ts";
import type { BindProgress } from "./progress.ts";
import { EDU, failure, NIC, useFakeSystem, WITH_VFS } from "./testing/fake-system.ts";

const system = useFakeSystem();
const NUMVFS = `/sys/bus/pci/devices/${WITH_VFS}/sriov_numvfs`;
const virtual = ["0000:03:10.0", "0000:03:10.1", "0000:03:10.2"];

describe("setVirtualFunctions", () => {
  it("makes another number by way of none, and takes all away", async () => {
    expect(await system().setVirtualFunctions(WITH_VFS, 3)).toEqual(virtual);
    expect(findFunction(WITH_VFS, system()).virtualFunctions).toEqual(virtual);
    expect(await system().setVirtualFunctions("03:00.0", 0)).toEqual([]);
    expect(await system().setVirtualFunctions(WITH_VFS, 1)).toEqual([virtual[0]]);
    expect(system().kernel.log).toEqual(["0", "3", "0", "1"].map((text) => `${NUMVFS} < ${text}`));
  });

  it("leaves those that there are, if they are as many", async () => {
    expect(await system().setVirtualFunctions(WITH_VFS, 1)).toEqual([EDU]);
    expect(system().kernel.log).toEqual([]);
  });

  it.each([8, -1, 0.5, "1", undefined])("refuses %j of 7", async (count) => {
    const code =
      typeof count === "number" && Number.isInteger(count) ? "ERR_OUT_OF_RANGE" : "ERR_INVALID_ARGUMENT";
    await expect(system().setVirtualFunctions(WITH_VFS, count as number)).rejects.toEqual(
      failing(code, /^count/),
    );
  });

  it("refuses a function without SR-IOV, and a virtual one, whose physical one it names", async () => {
    await expect(system().setVirtualFunctions(NIC, 1)).rejects.toMatchObject({
      code: "ERR_NOT_SUPPORTED",
      hint: expect.stringContaining("no SR-IOV capability"),
    });
  });

  it("says what lets the driver make them", async () => {
    system().kernel.failOnce(/^\/sys.*sriov_numvfs$/, "ENOENT");
    await expect(system().setVirtualFunctions(WITH_VFS, 2)).rejects.toMatchObject({
      code: "ERR_NOT_SUPPORTED",
      message: `the driver igb of ${WITH_VFS} makes no virtual functions`,
      hint: expect.stringMatching(/sudo userpci bind .*enable_sriov/),
      cause: expect.objectContaining({ code: "ENOENT" }),
    });
  });

  it("gives the kernel's own error for what else fails, and says who may not", async () => {
    system().kernel.failOnce(/^\/sys.*sriov_numvfs$/, "ENOMEM");
    expect(await failure(system().setVirtualFunctions(WITH_VFS, 2))).toMatchObject({ code: "ENOMEM" });
    system().kernel.failOnce(/^access .*sriov_numvfs$/, "EACCES");
    expect(await failure(system().setVirtualFunctions(WITH_VFS, 2))).toMatchObject({
      code: "ERR_PERMISSION",
      message: expect.stringMatching(/may not write .*sriov_numvfs$/),
    });
  });

  it("tells who has one open that is to go, gives up when told to, and lets the kernel finish", async () => {
    await system().bind(EDU);
    system().addHolder("/dev/vfio/4");
    let letGo = () => {};
    system().kernel.holdUntil(/sriov_numvfs$/, new Promise((resolve) => (letGo = resolve)));
    const waits: BindProgress[] = [];
    const onProgress = (progress: BindProgress) => void (progress.elapsedMs > 0 && waits.push(progress));
    const options = { timeoutMs: 1000, reportMs: 10, onProgress };
    expect(await failure(system().setVirtualFunctions(WITH_VFS, 0, options))).toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringContaining(`for the virtual functions of ${WITH_VFS} to go, held by pid 41`),
      hint: expect.stringContaining("sudo userpci vf create"),
    });
    expect(waits[0]).toMatchObject({ step: "virtual-functions", holders: [{ pid: 41 }] });
    letGo();
    expect(await system().setVirtualFunctions(WITH_VFS, 0)).toEqual([]);
  });
});
