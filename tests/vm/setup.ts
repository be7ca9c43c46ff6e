import { rm } from "node:fs/promises";
import { type SetupProject, vmSetup } from "@userpci/testbed/vitest";
import { bundleGuestCode } from "./harness/guest-code.ts";
import { machines } from "./machines.ts";

const setUpMachines = vmSetup(machines);

export default async function setUp(project: SetupProject): Promise<() => Promise<void>> {
  const folders = [await bundleGuestCode()];
  const close = await setUpMachines(project);
  project.onTestsRerun?.(async () => {
    folders.push(await bundleGuestCode());
  });
  return async () => {
    await close();
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  };
}
