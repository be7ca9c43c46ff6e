import { strict as assert } from "node:assert";
import { setTimeout } from "node:timers/promises";
import { regionIndex } from "@userpci/interface";
import { vfioGroup } from "@userpci/vfio-native";
import { startNode } from "../vm/harness/child.ts";
import { guestSuite } from "../vm/harness/suite.ts";
import { at } from "../vm/machines.ts";
import { rounds, soak, soakEnvironment, soakTimeoutMs } from "./rounds.ts";

const HOLDER = new URL("../vm/lifecycle/holder.js", import.meta.url);
/** A kill and the start of the next process take as long as a hundred rounds of the others. */
const kills = (): number => Math.ceil(rounds() / 100);

await guestSuite(import.meta.url, {
  env: soakEnvironment(),
  timeoutMs: soakTimeoutMs(200),
  tests: {
    "processes killed at any moment of their DMA leave the device quiet and free": async () => {
      const round = async (i: number): Promise<void> => {
        using holder = startNode(HOLDER, ["dma", at.wideEdu]);
        assert.equal(await holder.line(), "ready");
        await setTimeout((i * 7) % 150);
        holder.process.kill("SIGKILL");
        await holder.ended;
        using backend = vfioGroup();
        using device = backend.openSync(at.wideEdu);
        assert.equal(device.region(regionIndex.config).read16(4) & 0b100, 0);
      };
      await soak("kill -9 in the middle of DMA", round, kills());
    },
  },
});
