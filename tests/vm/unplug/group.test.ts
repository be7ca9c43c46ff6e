import { unplugTests } from "./tests.ts";

unplugTests("vfio-group");
