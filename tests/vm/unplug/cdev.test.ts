import { unplugTests } from "./tests.ts";

unplugTests("vfio-cdev");
