import { describe, expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { describe as describeConfig } from "../describe.ts";
import { expressBytes } from "../testing/express-function.ts";

const pcie = { capabilities: { version: 2 } };

describe("virtual channels", () => {
  it.each(["virtualChannel", "virtualChannelBesideMfvc", "multiFunctionVirtualChannel"] as const)(
    "%s has as many channels as it says",
    (name) => {
      const bytes = expressBytes(pcie, {
        name,
        registers: { capabilities1: { extendedChannels: 2 }, control: { arbitration: 3 } },
        lists: {
          channels: [
            { control: { trafficClasses: 0x7f, enable: true } },
            {},
            { control: { trafficClasses: 0x80, channelId: 5 }, status: { negotiationPending: true } },
          ],
        },
      });
      const config = configOf(bytesRegion(bytes));
      const channel = config.findExtended(name)!;
      expect(channel.length).toBe(0x10 + 3 * 12);
      expect(channel.channels.map(({ control }) => control.raw)).toEqual([0x8000_007f, 0, 0x0500_0080]);
      expect(channel.channels[2]!.status.negotiationPending).toBe(true);
      expect(bytes[0x100 + 0x10 + 2 * 12 + 0x0a]).toBe(2);
      const { registers, lists } = describeConfig(config).extendedCapabilities[0]!;
      expect(registers.control!.words).toEqual({ arbitration: "weighted round robin, 128 phases" });
      expect(lists.channels![2]!.control).toMatchObject({
        offset: 0x12c,
        fields: { trafficClasses: 0x80, channelId: 5, enable: false },
      });
    },
  );

  it("of a cut-off space are those that begin in it, and reading behind the end says so", () => {
    const whole = expressBytes(pcie, {
      name: "virtualChannel",
      registers: { capabilities1: { extendedChannels: 7 } },
    });
    const { channels } = configOf(bytesRegion(whole.slice(0, 0x120))).findExtended("virtualChannel")!;
    expect(channels).toHaveLength(2);
    expect(channels[0]!.control.enable).toBe(false);
    expect(() => channels[1]!.control.raw).toThrow("virtualChannel.channels at 0x11c has 4 bytes");
    const header = configOf(bytesRegion(whole.slice(0, 0x104))).findExtended("virtualChannel")!;
    expect([header.length, header.channels]).toEqual([4, []]);
  });

  it("are refused by the builder beyond their number, and by other names", () => {
    const build = (lists: object) =>
      expressBytes(pcie, { name: "virtualChannel", registers: { capabilities1: 1 }, lists });
    expect(() => build({ channels: [{}, {}, {}] })).toThrow(
      "virtualChannel has 2 channels by its registers, but 3 were given",
    );
    expect(() => build({ chanels: [{}] })).toThrow("virtualChannel has no list chanels");
    expect(() => build({ channels: [{ control: { enabled: true } }] })).toThrow(
      "virtualChannel.channels[0].control has no field enabled",
    );
  });
});
