import { vmSetup } from "@userpci/testbed/vitest";
import { machines } from "./machines.ts";

export default vmSetup(machines);
