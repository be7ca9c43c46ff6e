import { type SetupProject, vmSetup } from "@userpci/testbed/vitest";
import { bundleGuestCode } from "./harness/guest-code.ts";
import { machines } from "./machines.ts";

const setUpMachines = vmSetup(machines);

export default async function setUp(project: SetupProject): Promise<() => Promise<void>> {
  let remove = await bundleGuestCode();
  const close = await setUpMachines(project);
  project.onTestsRerun?.(async () => {
    remove();
    remove = await bundleGuestCode();
  });
  return async () => {
    await close();
    remove();
  };
}
