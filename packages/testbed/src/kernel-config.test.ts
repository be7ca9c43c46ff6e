import { expect, test } from "vitest";
import { KERNEL_CONFIG, missingOptions } from "./kernel-config.ts";

test("the fragment is lines of kconfig, with nothing named twice", () => {
  const settings = KERNEL_CONFIG.split("\n").filter((line) => line && !line.startsWith("#"));
  for (const line of settings) expect(line).toMatch(/^CONFIG_[A-Z0-9_]+=(y|m|n|\d+|"[\w-]+")$/);
  const names = settings.map((line) => line.split("=")[0]);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test("everything that a kernel must have is asked for", () => {
  expect(missingOptions(KERNEL_CONFIG)).toEqual([]);
});

test("an option that a kernel dropped, or has as a module, is named", () => {
  const config = KERNEL_CONFIG.replace("CONFIG_IOMMUFD=y", "# CONFIG_IOMMUFD is not set").replace(
    "CONFIG_OVERLAY_FS=y",
    "CONFIG_OVERLAY_FS=m",
  );
  expect(missingOptions(config)).toEqual(["IOMMUFD", "OVERLAY_FS"]);
});
