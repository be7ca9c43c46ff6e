/**
 * Serves models until standard input ends, which it does with whoever started this: `node serve.js FOLDER`. The sockets are
 * `NAME.sock` in the folder. Says "ready" when all are there, and what goes wrong on standard error.
 */
import { join } from "node:path";
import { type ServerEvent, serve } from "@userpci/vfio-user/server";
import { hostedByMessages } from "./message-dma.ts";
import { models } from "./models.ts";

const folder = process.argv[2]!;
const time = "real";

for (const [name, make] of Object.entries(models)) {
  const options = {
    path: join(folder, `${name}.sock`),
    time,
    onEvent(event: ServerEvent): void {
      if ("error" in event) console.error(name, event);
    },
  } as const;
  if (name === "secondEdu") {
    const { fn, dma } = hostedByMessages(make(), { time });
    await serve(fn, { ...options, dma });
  } else await serve(make(), options);
}
console.log("ready");
process.stdin.resume().once("end", () => process.exit());
