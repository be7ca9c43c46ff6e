import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { provisionHeaders } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FieldType, Struct } from "../../packages/vfio-native/src/struct.ts";
import * as iommufd from "../../packages/vfio-native/src/uapi/iommufd.ts";
import * as vfio from "../../packages/vfio-native/src/uapi/vfio.ts";

/** Tables of numbers in `uapi`, and how C spells their names. */
const numberTables = {
  request: (name: string) => `VFIO_${name}`,
  extension: (name: string) => `VFIO_${name}`,
  groupFlag: (name: string) => `VFIO_GROUP_FLAGS_${name}`,
  deviceFlag: (name: string) => `VFIO_DEVICE_FLAGS_${name}`,
  regionFlag: (name: string) => `VFIO_REGION_INFO_FLAG_${name}`,
  regionCapability: (name: string) => `VFIO_REGION_INFO_CAP_${name}`,
  irqFlag: (name: string) => `VFIO_IRQ_INFO_${name}`,
  irqSet: (name: string) => `VFIO_IRQ_SET_${name}`,
  featureFlag: (name: string) => `VFIO_DEVICE_FEATURE_${name}`,
  feature: (name: string) => `VFIO_DEVICE_FEATURE_${name}`,
  iommuInfoFlag: (name: string) => `VFIO_IOMMU_INFO_${name}`,
  iommuCapability: (name: string) => `VFIO_IOMMU_TYPE1_INFO_${name === "DMA_AVAIL" ? "" : "CAP_"}${name}`,
  dirtyPagesFlag: (name: string) => `VFIO_IOMMU_DIRTY_PAGES_FLAG_${name}`,
  mapFlag: (name: string) => `VFIO_DMA_MAP_FLAG_${name}`,
  bindFlag: (name: string) => `VFIO_DEVICE_BIND_FLAG_${name}`,
  attachFlag: (name: string) => `VFIO_DEVICE_ATTACH_${name}`,
  hotResetFlag: (name: string) => `VFIO_PCI_HOT_RESET_FLAG_${name}`,
  migrationFlag: (name: string) => `VFIO_MIGRATION_${name}`,
  migrationState: (name: string) => `VFIO_DEVICE_STATE_${name}`,
  iommufdRequest: (name: string) => `IOMMU_${name}`,
  ioasMapFlag: (name: string) => `IOMMU_IOAS_MAP_${name}`,
  iommufdOption: (name: string) => `IOMMU_OPTION_${name}`,
  optionOperation: (name: string) => `IOMMU_OPTION_OP_${name}`,
  hwptFlag: (name: string) => `IOMMU_HWPT_${name === "FAULT_ID_VALID" ? "" : "ALLOC_"}${name}`,
  hwInfoType: (name: string) => `IOMMU_HW_INFO_TYPE_${name}`,
  hwCapability: (name: string) => `IOMMU_HW_CAP_${name}`,
  dirtyTrackingFlag: (name: string) => `IOMMU_HWPT_DIRTY_TRACKING_${name}`,
  dirtyBitmapFlag: (name: string) => `IOMMU_HWPT_GET_DIRTY_BITMAP_${name}`,
  pageFaultFlag: (name: string) => `IOMMU_PGFAULT_FLAGS_${name}`,
  pageFaultPermission: (name: string) => `IOMMU_PGFAULT_PERM_${name}`,
  pageResponse: (name: string) => `IOMMUFD_PAGE_RESP_${name}`,
} as const;

const tables = { ...vfio, ...iommufd };

type AnyStruct = Pick<Struct<Record<string, FieldType>>, "name" | "size" | "offsets">;
const structs = [...Object.values<unknown>(vfio), ...Object.values<unknown>(iommufd)].filter(
  (value): value is AnyStruct => typeof value === "object" && value !== null && "offsets" in value,
);

/** C spells the header of a capability as a member; our tables have its fields. */
function memberOf(struct: AnyStruct, field: string): string {
  const behindHeader = struct.name !== "vfio_info_cap_header" && "version" in struct.offsets;
  return behindHeader && ["id", "version", "next"].includes(field) ? `header.${field}` : field;
}

function program(): string {
  const lines = structs.flatMap((struct) => [
    `  printf("sizeof ${struct.name}=%zu\\n", sizeof(struct ${struct.name}));`,
    ...Object.keys(struct.offsets).map(
      (field) =>
        `  printf("${struct.name}.${field}=%zu\\n", offsetof(struct ${struct.name}, ${memberOf(struct, field)}));`,
    ),
  ]);
  const names = Object.entries(numberTables).flatMap(([table, spell]) =>
    Object.keys(tables[table as keyof typeof numberTables]).map(spell),
  );
  // Enumerators as well as macros: an unknown name is an error of the compiler's.
  const numbers = names.map((name) => `  printf("${name}=%llu\\n", (unsigned long long)(${name}));`);
  return [
    "#include <stddef.h>",
    "#include <stdio.h>",
    "#include <linux/iommufd.h>",
    "#include <linux/vfio.h>",
    "int main(void) {",
    ...lines,
    ...numbers,
    "  return 0;",
    "}",
    "",
  ].join("\n");
}

describe("the tables of the kernel's interface", () => {
  const folder = mkdtempSync(join(tmpdir(), "userpci-abi-"));
  const inC = new Map<string, number>();

  beforeAll(async () => {
    // Those that the C library came with are older than iommufd.
    const { include } = await provisionHeaders((line) => process.stderr.write(`${line}\n`));
    writeFileSync(join(folder, "abi.c"), program());
    const files = ["-o", join(folder, "abi"), join(folder, "abi.c")];
    execFileSync("gcc", ["-Wall", "-Werror", "-isystem", include, ...files]);
    for (const line of execFileSync(join(folder, "abi"), { encoding: "utf8" }).trim().split("\n")) {
      const [name, value] = line.split("=");
      inC.set(name!, Number(value));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("cover every structure that the backend uses", () => {
    expect(structs.map(({ name }) => name)).toContain("vfio_iommu_type1_dma_map");
    expect(structs.map(({ name }) => name)).toContain("iommu_ioas_map");
    expect(structs.length).toBeGreaterThanOrEqual(48);
  });

  it.each(structs.map((struct) => [struct.name, struct] as const))(
    "struct %s has C's offsets",
    (name, struct) => {
      for (const [field, offset] of Object.entries(struct.offsets)) {
        expect(offset, `${name}.${field}`).toBe(inC.get(`${name}.${field}`));
      }
      // Structures with argsz grow at their end; the kernel serves callers that know a shorter one.
      expect(struct.size, `sizeof ${name}`).toBeLessThanOrEqual(inC.get(`sizeof ${name}`)!);
      if (!("argsz" in struct.offsets || "size" in struct.offsets))
        expect(struct.size).toBe(inC.get(`sizeof ${name}`));
    },
  );

  it.each(Object.entries(numberTables))("the numbers of %s are C's", (table, spell) => {
    for (const [name, value] of Object.entries(tables[table as keyof typeof numberTables])) {
      expect(value, spell(name)).toBe(inC.get(spell(name)));
    }
  });
});
