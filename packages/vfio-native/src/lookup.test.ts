import { PciError } from "@userpci/interface";
import { afterEach, describe, expect, it, vi } from "vitest";
import { vfioCdev } from "./cdev-backend.ts";
import { vfioGroup } from "./group-backend.ts";

/** What sysfs says of the function, one answer a question; after the last one it is not there. */
let answers: object[] = [];
vi.mock("@userpci/sysfs", async (load) => ({
  ...(await load<typeof import("@userpci/sysfs")>()),
  findFunction(address: string) {
    const answer = answers.shift();
    if (answer === undefined)
      throw new PciError("ERR_NO_DEVICE", `no function at ${address}`, { hint: "look" });
    return answer;
  },
}));
afterEach(() => {
  answers = [];
});

const ADDRESS = "0000:01:00.0";
/** No group has this number. */
const bound = { address: ADDRESS, driver: "vfio-pci", iommuGroup: 2 ** 30, vfioDevice: "vfio999999" };

describe.each([
  ["vfioGroup()", vfioGroup],
  ["vfioCdev()", vfioCdev],
])("%s opens a function", (_name, create) => {
  it.each([
    ["its link to the group is gone", { ...bound, iommuGroup: null }, "ERR_NO_IOMMU"],
    ["its group is gone", bound, "ERR_NO_IOMMU"],
    ["its driver has left it", { ...bound, driver: null }, "ERR_WRONG_DRIVER"],
  ])("that vanishes meanwhile: %s", async (_what, seen, code) => {
    const gone = { code: "ERR_DEVICE_GONE", message: expect.stringContaining(ADDRESS), cause: { code } };
    const backend = create();
    answers = [seen];
    await expect(backend.open(ADDRESS)).rejects.toMatchObject(gone);
    answers = [seen];
    expect(() => backend.openSync(ADDRESS)).toThrow(expect.objectContaining({ code: "ERR_DEVICE_GONE" }));
    // One that is still there is told as it is.
    answers = [seen, seen];
    await expect(backend.open(ADDRESS)).rejects.toMatchObject({ code });
    await backend.close();
  });

  it("that was not there at all", async () => {
    await expect(create().open(ADDRESS)).rejects.toMatchObject({ code: "ERR_NO_DEVICE" });
  });
});
