// The part of the demo that runs beside the device, as an ordinary user: `node guest.js ADDRESS`. It prints a line of JSON
// for each step that held, and one with the error if one did not.
import { deviceNodes, findFunction, readGroup } from "@userpci/sysfs";
import { readMemlock } from "@userpci/vfio-native";
import { defaultBackend } from "userpci";
import { toFailure } from "../failure.ts";
import { hex, toJson } from "../json.ts";
import { drive, stepper } from "./drive.ts";

const hint = "sudo dmesg | tail";

async function demo(address: string): Promise<void> {
  const report = (step: object): void => void process.stdout.write(toJson(step));
  await stepper({ hint }, report)("group", () => lookUpGroup(address));
  const place = {
    backend: defaultBackend(address),
    address,
    node: deviceNodes(findFunction(address)).group ?? "",
    asOrdinaryUser: true,
    locked: () => readMemlock().locked,
    hint,
  };
  await drive(place, report);
}

async function lookUpGroup(address: string) {
  const { iommuGroup } = findFunction(address);
  const { number, viable, type, members, reserved } = readGroup(iommuGroup!);
  return {
    inputs: { group: number },
    results: {
      viable,
      type,
      members: members.map((member) => member.address),
      reserved: reserved.map((range) => `${range.type} ${hex(range.start)}-${hex(range.last)}`),
    },
    holds: viable,
  };
}

try {
  await demo(process.argv[2]!);
} catch (error) {
  process.stdout.write(toJson({ error: toFailure(error) }));
  process.exitCode = 1;
}
