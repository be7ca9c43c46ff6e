// Serves until its standard input ends: `node server.js PATH blocking|loop [DEVICE]`. Says "listening".
import type { DeviceModel } from "@userpci/device-model";
import { serve } from "@userpci/vfio-user/server";
import { peer, ram } from "./model.ts";

/** What is served; the first by default. */
const devices: Readonly<Record<string, () => DeviceModel>> = {
  plain: () => peer(false),
  mappable: () => peer(true),
  ram,
};

const [path, mode, device = "plain"] = process.argv.slice(2);
await serve(devices[device]!(), { path: path!, mode: mode === "blocking" ? "blocking" : "event-loop" });
process.stdout.write("listening\n");
process.stdin.on("end", () => process.exit()).resume();
